import type { Pool } from 'pg';
import { changeLane } from './change-lane';
import { type CountDifferences, exceededLimit, type LaneFigures, readFigures } from './health';
import type { Lane } from './lane';
import { LANE_GUARD } from './lane-stopped';
import type { RoutingTable } from './routing-table';

/**
 * Takes a ramp's next step, once the current one has lasted long enough and enough messages have landed in it without a
 * limit being exceeded. Resolves to the new percentage; to undefined if it is too early, or the topic's lanes were
 * changed meanwhile.
 */
export async function stepRampIfHealthy(
  pool: Pool,
  { version }: Pick<RoutingTable, 'version'>,
  { topic, lane, limits, ramp }: Lane,
  { now, countDifferences }: Pick<LaneFigures, 'now'> & { countDifferences?: CountDifferences },
): Promise<number | undefined> {
  const [percent, ...steps] = ramp?.steps ?? [];
  if (ramp === undefined || percent === undefined) return undefined;
  const { by, everySeconds } = ramp;
  const since = new Date(ramp.since);
  // `!(… >= …)` and not `<`: a `since` that cannot be read gives NaN, and such a ramp waits until an operator starts
  // another.
  if (!(now.getTime() - since.getTime() >= everySeconds * 1_000)) return undefined;
  // Over the whole step: in a lane with few messages no window has enough of them.
  const figures = await readFigures(pool, { topic, lane }, limits, { since: since.toISOString(), countDifferences });
  if (figures.landed < limits.minCount || exceededLimit(limits, figures)) return undefined;
  const { result } = await changeLane(
    pool,
    {
      topic,
      lane,
      what: 'step',
      author: LANE_GUARD,
      reason: `healthy: ${figures.landed} landed and ${figures.failed} failed in ${figures.seconds} s`,
      ifVersion: version,
    },
    { percent: { percent, by }, ramp: steps.length > 0 ? { ...ramp, steps, since: now.toISOString() } : null },
  );
  return result === 'changed' ? percent : undefined;
}
