import { setTimeout as pause } from 'node:timers/promises';

// Due messages come first, for this long at most: a worker that never stops landing must not starve the other work.
const AT_MOST_MS = 1_000;
const LOOK_MS = 20;

export type AfterLandings = () => Promise<void>;

/**
 * Resolves when no group is landing, or after a second. The work that follows a landing (results to report, events to
 * relay) competes with other landings of the same instant for the processor and the database, and can wait for them.
 */
export const afterLandings =
  (landing: () => boolean): AfterLandings =>
  async () => {
    for (let waitedMs = 0; landing() && waitedMs < AT_MOST_MS; waitedMs += LOOK_MS) await pause(LOOK_MS);
  };
