import { dueInTime } from './due-in-time';
import { landedOf, postOf } from './lane-workers';
import type { TestTemporal } from './temporal';

// No rule of a test names it, so that stable lands what shows how fast this machine is.
const TENANT = 'probe';

/** A due time by which the workers of the lanes hold so many messages, as a first few that stable lands showed. */
export const laneDueTime = (
  temporal: TestTemporal,
  database: { pool: Parameters<typeof landedOf>[0] },
  count: number,
  leadMs?: number,
): Promise<number> =>
  dueInTime(count, async (probes) => {
    const dueAt = Date.now();
    await postOf(temporal, [TENANT], { each: probes, dueAt, leadMs });
    await landedOf(database.pool, dueAt, probes);
  });
