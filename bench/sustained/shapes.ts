import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { schedule } from '../../src/client';
import { applicationEvents, outboxEvents } from '../harness/commit-times';
import { requestExpiry } from '../harness/request-expiry';
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
  post(client: Client, message: Due): Promise<unknown>;
}

const topic = requestExpiry({ name: 'bench.sustained' });
const TASK_QUEUE = 'bench.official';

export const shapes: Shape[] = [
  {
    name: 'postdate',
    worker: {
      file: join(__dirname, '..', 'harness', 'postdate-worker.ts'),
      ready: 'worker is running',
      env: { BENCH_TOPIC: topic.name },
    },
    events: outboxEvents,
    post: (client, { run, id, dueAt }) => schedule(client, { topic, tenant: run, key: id, dueAt, payload: {} }),
  },
  {
    name: 'official sample: sleep, then activity',
    worker: {
      file: join(__dirname, 'official-worker.ts'),
      ready: 'ready\n',
      env: { BENCH_TASK_QUEUE: TASK_QUEUE },
    },
    events: applicationEvents,
    post: (client, { id, dueAt }) =>
      client.workflow.start<typeof sleepThenExpire>('sleepThenExpire', {
        workflowId: `official:${id}`,
        taskQueue: TASK_QUEUE,
        args: [id, dueAt],
      }),
  },
];
