import type { Pool } from 'pg';
import { laneLimits, laneRamp } from '../../delivery/lanes/lane';
import { LANE_GUARD } from '../../delivery/lanes/lane-stopped';
import { type LaneState, readTopicLanes, type TopicLanes } from '../../delivery/lanes/topic-lanes';
import { STABLE } from '../../message/lane-name';
import { type Check, type Found, ok, warn } from './finding';

// A lane that the guard has stopped is still reported on the next day.
const STOPPED_WITHIN = '1 day';

export const LANE_CHECKS = ['lanes'];

/** Checks that lanes work as they were set. A broken lane never stops deliveries, so this check never fails. */
export const laneChecks = (pool: Pool, topics: { name: string }[]): Check[] => [
  { name: 'lanes', run: () => checkLanes(pool, topics) },
];

async function checkLanes(pool: Pool, topics: { name: string }[]): Promise<Found> {
  const all = await readTopicLanes(
    pool,
    topics.map(({ name }) => name),
  );
  const spoilt = [...all.flatMap(malformedOf), ...(await malformedRows(pool))];
  const unserved = all.flatMap(unservedOf);
  const stopped = await findStoppedByGuard(pool);
  const todo = [
    ...(spoilt.length > 0 ? ['set the lane anew with postdate lane set'] : []),
    ...(unserved.length > 0 ? ['start a worker with POSTDATE_LANE, or postdate lane stop'] : []),
    ...(stopped.length > 0 ? ['postdate lanes --history says why; when it is mended, postdate lane set --live'] : []),
  ];
  const ill = [...spoilt, ...unserved, ...stopped];
  if (ill.length > 0) return warn(ill.join('; '), todo.join('; '));
  const named = all.reduce((sum, { lanes }) => sum + lanes.length - 1, 0);
  return ok(named === 0 ? 'stable only' : `${named} beside stable, ${all.flatMap(({ rules }) => rules).length} rules`);
}

const malformedOf = ({ topic, malformed }: TopicLanes) =>
  malformed.map(({ id, lane, why }) => `rule ${id} of ${topic}@${lane} is skipped: ${why}`);

const unservedOf = ({ topic, lanes, rules }: TopicLanes) =>
  lanes
    .filter(
      ({ lane, mode, workers }) => mode !== 'stopped' && workers === 0 && rules.some((rule) => rule.lane === lane),
    )
    .filter(({ lane }) => lane !== STABLE)
    .map(({ lane, mode }) => `${topic}@${lane} has no live worker: ${CONSEQUENCE[mode]}`);

const CONSEQUENCE: Record<LaneState['mode'], string> = {
  live: 'stable lands what it takes',
  shadow: 'nothing is compared',
  stopped: '',
  unset: '',
};

/** Limits and ramps that cannot be read: only a change by hand in the database can have spoilt them. */
async function malformedRows(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ topic: string; lane: string; limits: unknown; ramp: unknown }>(
    'select topic, lane, limits, ramp from postdate.lane order by topic, lane',
  );
  return rows.flatMap(({ topic, lane, limits, ramp }) => [
    ...(laneLimits.safeParse(limits).success
      ? []
      : [`limits of ${topic}@${lane} cannot be read: the default ones hold`]),
    ...(ramp === null || laneRamp.safeParse(ramp).success
      ? []
      : [`the ramp of ${topic}@${lane} cannot be read: it stays where it is`]),
  ]);
}

async function findStoppedByGuard(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ topic: string; lane: string; reason: string; changed_at: Date }>(
    `select topic, lane, reason, changed_at
       from (select distinct on (topic, lane) * from postdate.lane_change where what = 'stop' or after->>'mode' <> 'stopped'
              order by topic, lane, id desc) as latest
      where author = $1 and what = 'stop' and changed_at > clock_timestamp() - $2::interval
      order by topic, lane`,
    [LANE_GUARD, STOPPED_WITHIN],
  );
  return rows.map(
    ({ topic, lane, reason, changed_at }) =>
      `${topic}@${lane} was stopped by its lane guard at ${changed_at.toISOString()}: ${reason}`,
  );
}
