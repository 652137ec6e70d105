import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Topic } from '../../topics/topic';
import { changeLane, type LaneChangeResult } from './change-lane';
import { type ChangeWarnings, warningsOf } from './change-warnings';
import { type DryRun, dryRun } from './dry-run';
import { type RecordedChange, readChangeOfVersion } from './lane-history';
import type { LaneRequest } from './lane-request';
import { planChange } from './plan-change';
import { type RoutingTable, readRoutingTable } from './routing-table';
import type { ScanLimits } from './scan-waiting';

/** A change that can be applied: what it would do, as far as that was looked at, and a function that applies it. */
export interface PreparedChange extends ChangeWarnings {
  result: 'prepared';
  /** The version of the topic's lanes that this was prepared for. */
  version: number;
  after: RoutingTable;
  dryRun?: DryRun;
  apply(): Promise<Applied>;
}

type Applied = Exclude<LaneChangeResult, { result: 'overtaken' }> | Overtaken;

/** Another change of the topic's lanes came first. `by`: that change; absent if it was made by hand in the database. */
export interface Overtaken {
  result: 'overtaken';
  version: number;
  by?: RecordedChange;
}

/**
 * Prepares a change that `admitRequest` has accepted. With `scan` it counts the waiting messages that the change
 * affects. Throws a `MessageError` if the lanes do not allow the change. `apply` changes nothing if the topic's lanes
 * were changed after they were read.
 */
export async function prepareChange(
  pool: Pool,
  topic: Topic,
  request: LaneRequest,
  scan?: { client: Client; limits?: ScanLimits; onProgress?(messages: number): void },
): Promise<PreparedChange | Overtaken> {
  const before = await readRoutingTable(pool, topic.name);
  const { version } = before;
  const overtaken = async (by: number): Promise<Overtaken> => ({
    result: 'overtaken',
    version: by,
    by: await readChangeOfVersion(pool, topic.name, by),
  });
  if (request.ifVersion !== undefined && request.ifVersion !== version) return overtaken(version);
  const { patch, after } = planChange(request, before, await databaseNow(pool));
  const { lane, what, author, reason } = request;
  // A change of limits routes no message, and a stop sends all messages of the lane to stable.
  const routes = what !== 'stop' && (patch.rules !== undefined || patch.mode !== undefined);
  const dryRunResult =
    scan && routes ? await dryRun({ client: scan.client, pool }, topic, lane, { before, after }, scan) : undefined;
  return {
    result: 'prepared',
    ...(routes ? warningsOf(lane, after, dryRunResult) : { drastic: [], toBeKnown: [] }),
    version,
    after,
    dryRun: dryRunResult,
    async apply() {
      const change = { topic: topic.name, lane, what, author, reason, ifVersion: version };
      const changed = await changeLane(pool, change, patch);
      return changed.result === 'changed' ? changed : overtaken(changed.version);
    },
  };
}

async function databaseNow(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ now: Date }>('select clock_timestamp() as now');
  return new Date(rows[0]?.now ?? Number.NaN).toISOString();
}
