import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { deliveryTaskQueue, WORKFLOW_TASK_QUEUE } from '../../message/contract';
import { rfc3339 } from '../../message/due-time';
import { readDatabaseId } from '../../platform/database/database-id';
import { WORKER_IS_WELL } from '../../platform/database/worker-registry';
import { databaseIdIn } from '../../platform/temporal/worker-identity';
import { countWaiting } from '../../producing/counts';
import { list } from '../../producing/list';
import { findOverdueRows, hasRows } from '../../topics/business-rows';
import type { Topic } from '../../topics/topic';
import { readPollers } from '../pollers';
import { type Check, type Found, fail, ok } from './finding';
import { checkVersions } from './workflow-version';

const OVERDUE_MS = 60_000;
const START = 'start a worker (docs/operations.md)';

/**
 * Checks that workers poll the task queues, and that those of a topic all land in one database: `pool`'s, if there is one. A worker
 * that was just killed still counts for a minute.
 */
export const queueChecks = (client: Client, topics: Topic[], pool?: Pool): Check[] =>
  [
    { queue: WORKFLOW_TASK_QUEUE, type: 'workflows' as const },
    ...topics.map(({ name }) => ({ queue: deliveryTaskQueue(name), type: 'deliveries' as const })),
  ].map(({ queue, type }) => ({ name: queueCheckOf(queue), run: () => checkPollers({ client, pool }, queue, type) }));

export const queueCheckOf = (queue: string): string => `task queue ${queue}`;

async function checkPollers(
  { client, pool }: { client: Client; pool?: Pool },
  name: string,
  type: 'workflows' | 'deliveries',
): Promise<Found> {
  const { polling, routing, lastPolledMs } = await readPollers(client, name, type);
  if (polling.length > 0) {
    const own = type === 'deliveries' && pool ? await readDatabaseId(pool) : undefined;
    return checkDatabases(polling, own) ?? checkVersions(polling, routing);
  }
  const last =
    lastPolledMs === undefined ? 'polled by nobody' : `last polled ${Math.round(lastPolledMs / 1_000)} s ago`;
  return fail(last, `${START}; what waits there waits for it`);
}

/** A delivery goes to any of its topic's workers. With two databases behind them, some messages land where their rows are not. */
function checkDatabases(polling: { identity?: string | null }[], own: string | undefined): Found | undefined {
  const ids = [own, ...polling.map(({ identity }) => databaseIdIn(identity))].filter((id) => id !== undefined);
  const databases = [...new Set(ids)];
  if (databases.length < 2) return undefined;
  return fail(
    `its workers land in ${databases.length} databases: ${databases.join(', ')}`,
    'stop the workers that do not belong here. Each installation of a namespace needs topics of its own (docs/capacity.md)',
  );
}

/** Checks the workers' heartbeats, by the database's clock. A worker sends one twice a second. */
export const workerCheck = (pool: Pool): Check => ({
  name: 'workers',
  async run() {
    const { rows } = await pool.query<{ well: number; silent: number }>(
      `select (count(*) filter (where ${WORKER_IS_WELL}))::integer as well,
              (count(*) filter (where not (${WORKER_IS_WELL})))::integer as silent
         from postdate.worker`,
    );
    const { well = 0, silent = 0 } = rows[0] ?? {};
    if (well > 0) return ok(`${well} at work`);
    return fail(silent > 0 ? `none at work, ${silent} silent or gone` : 'none at work', START);
  },
});

/** Checks for overdue messages: in the business rows, if the topic has any, and in Temporal. */
export const overdueChecks = (pool: Pool, client: Client, topics: Topic[]): Check[] =>
  topics.map((topic) => ({
    name: overdueCheckOf(topic),
    async run() {
      const selection = { topic: topic.name, dueTo: Date.now() - OVERDUE_MS };
      const rows = hasRows(topic)
        ? await findOverdueRows(pool, topic, { graceMs: OVERDUE_MS, limit: 1, except: [] })
        : [];
      const waiting = await countWaiting(client, selection);
      if (waiting === 0 && rows.length === 0) return ok('none');
      const { value: one } = await list(client, { ...selection, state: 'waiting' }).next();
      const since = rows[0] ? instantOf(rows[0].dueAt) : one?.dueAt;
      const says = waiting > 0 ? `${waiting} in Temporal, one due ${since}` : `a row due ${since}, and no message`;
      return fail(says, 'postdate stuck says why; postdate reconcile starts what is missing');
    },
  }));

// A row's due time may be -infinity.
const instantOf = (epochMs: number): string => (Math.abs(epochMs) <= 8.64e15 ? rfc3339(epochMs) : String(epochMs));

export const overdueCheckOf = ({ name }: Topic): string => `overdue of ${name}`;
