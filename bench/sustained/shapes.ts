import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { schedule, scheduleIn } from '../../src/client';
import type { Topic } from '../../src/topics/topic';
import { applicationEvents, outboxEvents } from '../harness/commit-times';
import { requestExpiry } from '../harness/request-expiry';
import { UsageError } from '../harness/usage-error';
import type { sleepThenExpire } from './official-workflows';

/** A message of a run: which request expires, and when. */
export interface Due {
  run: string;
  id: string;
  dueAt: number;
}

/** One way to have it expire: its worker, and how a message is posted to it. */
export interface Shape {
  name: string;
  worker: { file: string; ready: string; env: NodeJS.ProcessEnv };
  /** Where its events are, for `readEffects`. */
  events: string;
  post(to: { client: Client; pool: Pool }, message: Due): Promise<unknown>;
}

const TASK_QUEUE = 'bench.official';

/** Postdate with a topic of these settings, posted by the client, or in SQL. */
function ours(
  name: string,
  { inSql = false, ...settings }: Pick<Topic, 'bySets' | 'startDelayFromMs'> & { inSql?: boolean } = {},
): Shape {
  // A topic of each shape's own: what an earlier one has left finds no worker.
  const topic = requestExpiry({ name: `bench.sustained.${name}`, ...settings });
  return {
    name,
    worker: {
      file: join(__dirname, '..', 'harness', 'postdate-worker.ts'),
      ready: 'worker is running',
      env: {
        BENCH_TOPIC: topic.name,
        BENCH_BY_SETS: settings.bySets,
        // The dispatcher's default rate would be below the rates that are tried.
        ...(inSql && { POSTDATE_DISPATCH_PER_SECOND: '10000' }),
      },
    },
    events: outboxEvents,
    post({ client, pool }, { run, id, dueAt }) {
      const post = { topic, tenant: run, key: id, dueAt, payload: {} };
      return inSql ? scheduleIn(pool, post) : schedule(client, post);
    },
  };
}

const postdate = ours('postdate');

const official: Shape = {
  name: 'official sample: sleep, then activity',
  worker: {
    file: join(__dirname, 'official-worker.ts'),
    ready: 'ready\n',
    env: { BENCH_TASK_QUEUE: TASK_QUEUE },
  },
  events: applicationEvents,
  post: ({ client }, { id, dueAt }) =>
    client.workflow.start<typeof sleepThenExpire>('sleepThenExpire', {
      workflowId: `official:${id}`,
      taskQueue: TASK_QUEUE,
      args: [id, dueAt],
    }),
};

/** Ways to use Postdate that are measured only when they are asked for. */
const variants: Record<string, Shape> = {
  'by-sets': ours('by-sets', { bySets: 'always' }),
  'start-delay': ours('start-delay', { startDelayFromMs: 1 }),
  sql: ours('sql', { inSql: true }),
};

/** Postdate, the variants that are named, and the official sample, in this order. */
export function shapesWith(also: string[] = []): Shape[] {
  const unknown = also.filter((name) => variants[name] === undefined);
  if (unknown.length > 0) {
    throw new UsageError(`--also: no variant ${unknown.join(', ')}. There are: ${Object.keys(variants).join(', ')}`);
  }
  return [postdate, ...also.map((name) => variants[name] as Shape), official];
}
