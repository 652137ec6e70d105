import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Topic } from '../topic';
import { type LaneBoard, readBoard } from './board';
import { changeLane, type LaneChanged } from './change';
import { type Judgement, judge } from './drastic';
import { type DryRun, dryRun } from './dry-run';
import { overtakenBy, type RecordedChange } from './history';
import { planOf } from './plan';
import type { LaneRequest } from './request';
import type { LookLimits } from './waiting-messages';

/** A change that could be made: what it would do, as far as was looked at, and how to make it. */
export interface PreparedChange extends Judgement {
  result: 'prepared';
  /** Of the topic's lanes, on which all of this rests. */
  version: number;
  after: LaneBoard;
  found?: DryRun;
  make(): Promise<Made>;
}

type Made = Exclude<LaneChanged, { result: 'overtaken' }> | Overtaken;

/** Somebody else has changed the topic's lanes since; `by` is the last change of them, unless that was done by hand. */
export interface Overtaken {
  result: 'overtaken';
  version: number;
  by?: RecordedChange;
}

/**
 * Prepares a change that `admitRequest` has let in: looks at what waits if it is told where, and judges it. Throws a
 * `MessageError` for what cannot be. `make` changes nothing if anybody has changed the topic's lanes since they were read.
 */
export async function prepareChange(
  pool: Pool,
  topic: Topic,
  request: LaneRequest,
  look?: { client: Client; limits?: LookLimits; asked?(messages: number): void },
): Promise<PreparedChange | Overtaken> {
  const before = await readBoard(pool, topic.name);
  const { version } = before;
  const overtaken = async (by: number): Promise<Overtaken> => ({
    result: 'overtaken',
    version: by,
    by: await overtakenBy(pool, topic.name, by),
  });
  if (request.ifVersion !== undefined && request.ifVersion !== version) return overtaken(version);
  const { wish, after } = planOf(request, before, await databaseNow(pool));
  const { lane, what, author, reason } = request;
  // Limits by themselves route nothing, and what is stopped goes where everything goes.
  const routes = what !== 'stop' && (wish.rules !== undefined || wish.mode !== undefined);
  const found =
    look && routes ? await dryRun({ client: look.client, pool }, topic, lane, { before, after }, look) : undefined;
  return {
    result: 'prepared',
    ...(routes ? judge(lane, after, found) : { drastic: [], toBeKnown: [] }),
    version,
    after,
    found,
    async make() {
      const change = { topic: topic.name, lane, what, author, reason, ifVersion: version };
      const changed = await changeLane(pool, change, wish);
      return changed.result === 'changed' ? changed : overtaken(changed.version);
    },
  };
}

async function databaseNow(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ now: Date }>('select clock_timestamp() as now');
  return new Date(rows[0]?.now ?? Number.NaN).toISOString();
}
