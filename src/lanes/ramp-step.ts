import type { Pool } from 'pg';
import type { LaneBoard } from './board';
import { changeLane } from './change';
import { type DifferencesOf, type LaneFigures, limitCrossed, readFigures } from './health';
import type { Lane } from './lane';
import { LANE_GUARD } from './lane-stopped';

/**
 * Takes a ramp's next step once the present one has lasted and enough messages have landed in it with nothing crossed; until
 * then it waits. Answers the new percentage where it has, and nobody has changed the topic's lanes meanwhile.
 */
export async function stepWhileHealthy(
  pool: Pool,
  { version }: Pick<LaneBoard, 'version'>,
  { topic, lane, limits, ramp }: Lane,
  { now, differencesOf }: Pick<LaneFigures, 'now'> & { differencesOf?: DifferencesOf },
): Promise<number | undefined> {
  const [percent, ...steps] = ramp?.steps ?? [];
  if (ramp === undefined || percent === undefined) return undefined;
  const { by, everySeconds } = ramp;
  const since = new Date(ramp.since);
  // Not of one that cannot be read, either: that lasts until somebody begins another.
  if (!(now.getTime() - since.getTime() >= everySeconds * 1_000)) return undefined;
  // Of the whole step: in a lane of few messages no window has enough of them to say anything.
  const figures = await readFigures(pool, { topic, lane }, limits, { since: since.toISOString(), differencesOf });
  if (figures.landed < limits.minCount || limitCrossed(limits, figures)) return undefined;
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
