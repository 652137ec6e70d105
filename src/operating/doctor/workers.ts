import type { Client } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time';
import type { Pool } from 'pg';
import { deliveryTaskQueue, WORKFLOW_TASK_QUEUE } from '../../message/contract';
import { WORKER_IS_WELL } from '../../platform/database/worker-registry';
import { countWaiting } from '../../producing/counts';
import { list } from '../../producing/list';
import { findOverdueRows, hasRows } from '../../topics/business-rows';
import type { Topic } from '../../topics/topic';
import { type Check, type Found, fail, ok } from './finding';
import { checkVersions } from './workflow-version';

// temporal.api.enums.v1.TaskQueueType
const WORKFLOWS = 1;
const ACTIVITIES = 2;
// A poll without a task lasts a minute. A worker that has not polled for longer is gone.
const POLLED_WITHIN_MS = 75_000;
const OVERDUE_MS = 60_000;
const START = 'start a worker (docs/operations.md)';

/** Checks that workers poll the task queues. A worker that was just killed still counts for a minute. */
export const queueChecks = (client: Client, topics: Topic[]): Check[] =>
  [
    { queue: WORKFLOW_TASK_QUEUE, type: WORKFLOWS },
    ...topics.map(({ name }) => ({ queue: deliveryTaskQueue(name), type: ACTIVITIES })),
  ].map(({ queue, type }) => ({ name: queueCheckOf(queue), run: () => checkPollers(client, queue, type) }));

export const queueCheckOf = (queue: string): string => `task queue ${queue}`;

async function checkPollers(client: Client, name: string, taskQueueType: number): Promise<Found> {
  const { workflowService, options } = client.workflow;
  const { namespace } = options;
  const described = await workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType });
  const pollers = described.pollers ?? [];
  const heardMsOf = ({ lastAccessTime }: (typeof pollers)[number]) => Date.now() - tsToMs(lastAccessTime);
  const polling = pollers.filter((poller) => heardMsOf(poller) < POLLED_WITHIN_MS);
  if (polling.length > 0) return checkVersions(polling, described.versioningInfo);
  const [latest] = pollers.map(heardMsOf).sort((one, two) => one - two);
  const last = latest === undefined ? 'polled by nobody' : `last polled ${Math.round(latest / 1_000)} s ago`;
  return fail(last, `${START}; what waits there waits for it`);
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
      const since = rows[0] ? new Date(rows[0].dueAt).toISOString() : one?.dueAt;
      const says = waiting > 0 ? `${waiting} in Temporal, one due ${since}` : `a row due ${since}, and no message`;
      return fail(says, 'postdate stuck says why; postdate reconcile starts what is missing');
    },
  }));

export const overdueCheckOf = ({ name }: Topic): string => `overdue of ${name}`;
