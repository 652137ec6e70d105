import { STABLE } from '../../message/lane-name';
import type { Queryable } from '../../platform/database/pool';
import { type Serving, WORKER_IS_WELL } from '../../platform/database/worker-registry';
import { NOBODY } from './held-rows';

/** What a worker sees twice a second. */
export interface Surroundings {
  /** It was not registered: at its first heartbeat, or after others took it for dead. */
  isNew: boolean;
  /** The database's clock, in epoch ms. */
  nowMs: number;
  /** The ids of the other workers that are dead. */
  dead: string[];
  /** Whether a message of the worker's lane and topics waits for any worker to take it. */
  someLeft: boolean;
  /** Whether a message of the worker's topics is held for another lane than stable. */
  someInLanes: boolean;
  /** Whether one of the worker's topics has a lane, or had one. */
  anyLane: boolean;
}

/** Records the worker's heartbeat, and looks for what it may have to do. One statement: each worker makes it twice a second. */
export async function lookAround(
  db: Queryable,
  worker: string,
  { lane, topics, build }: Serving,
): Promise<Surroundings> {
  const { rows } = await db.query<Surroundings>({
    name: 'postdate.look-around',
    text: `with heartbeat as (
       insert into postdate.worker (id, lane, topics, build) values ($1, $2, $3, $4)
       on conflict (id) do update set seen_at = clock_timestamp()
       returning xmax = 0 as inserted
     )
     select inserted as "isNew", (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs",
            array(select id from postdate.worker where id <> $1 and not (${WORKER_IS_WELL})) as dead,
            exists (select from postdate.held where worker = '${NOBODY}' and topic = any($3) and lane = $2) as "someLeft",
            exists (select from postdate.held where lane <> '${STABLE}' and topic = any($3)) as "someInLanes",
            exists (select from postdate.lane_version where topic = any($3)) as "anyLane"
       from heartbeat`,
    values: [worker, lane, topics, build ?? null],
  });
  return rows[0] as Surroundings;
}
