import { setTimeout as pause } from 'node:timers/promises';

// For whatever is due now others wait this long, and look this often; a worker that never stops landing must not
// starve them.
const AT_MOST_MS = 1_000;
const LOOK_MS = 20;

export type AfterLandings = () => Promise<void>;

/**
 * Resolves when no group is landing, or after a second. What comes of a landing (results to tell, events to relay) takes
 * the processor and the database from the other landings of the same instant, and can wait for them.
 */
export const afterLandings =
  (landing: () => boolean): AfterLandings =>
  async () => {
    for (let waitedMs = 0; landing() && waitedMs < AT_MOST_MS; waitedMs += LOOK_MS) await pause(LOOK_MS);
  };
