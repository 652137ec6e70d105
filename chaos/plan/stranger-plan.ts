import type { Fault, PlannedFault } from './fault-plan';
import type { Random } from './random';

/**
 * What a stranger does: a foreign client, a producer in another language, a tenant with far too much. None of it may be
 * felt by the other tenant.
 */
export const STRANGE_ACTS = [
  'startWithNulls',
  'startWithNonsense',
  'startInSeconds',
  'startForAnother',
  'startUnreadable',
  'startWithUnreadableMemo',
  'startHuge',
  'startWithoutAttributes',
  'signalUnreadable',
  'signalNonsense',
  'throwOddly',
  'commandsInBulk',
  'commandsOutOfBounds',
  'seriesWithoutEnd',
] as const;
export type StrangeAct = (typeof STRANGE_ACTS)[number];

const EVERY_MS = 1_500;
const QUIET_AT_FIRST_MS = 3_000;
const QUIET_AT_LAST_MS = 8_000;

/** A stranger who does such things all the time: each once, then any of them, until a while before the end. */
export function strangerOf(random: Random, lengthMs: number): PlannedFault[] {
  const count = Math.max(0, Math.floor((lengthMs - QUIET_AT_FIRST_MS - QUIET_AT_LAST_MS) / EVERY_MS));
  return Array.from({ length: count }, (_, nth) => {
    const fault: Fault = { kind: 'stranger', act: STRANGE_ACTS[nth] ?? random.oneOf(STRANGE_ACTS), forMs: 0 };
    return { atMs: QUIET_AT_FIRST_MS + nth * EVERY_MS, ...fault };
  });
}
