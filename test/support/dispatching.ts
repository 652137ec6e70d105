import type { Client } from '@temporalio/client';
import { nanoid } from 'nanoid';
import type { Pool } from 'pg';
import { lookAround } from '../../src/delivery/held/look-around';
import { recordRefusal } from '../../src/events/refused-commands';
import { deregister } from '../../src/platform/database/worker-registry';
import { runInBackground } from '../../src/platform/loops/background-loop';
import { type DispatcherDeps, startDispatcher } from '../../src/producing/dispatch/dispatcher';
import type { TenantWeights } from '../../src/producing/dispatch/tenant-shares';
import type { Topic } from '../../src/topics/topic';
import { effectTopic } from './effects';
import { eventually } from './eventually';

/** The topic that `post` and `refOf` are of. */
export const postedTopic = effectTopic();

/** A message in an hour, as a producer posts it in a transaction. */
export const post = (fields = {}) => ({
  topic: postedTopic,
  tenant: 'acme',
  key: nanoid(),
  dueAt: Date.now() + 3_600_000,
  payload: { note: 'n' },
  ...fields,
});

/** How a command names it. */
export const refOf = ({ tenant, key }: { tenant: string; key: string }) => ({ topic: postedTopic.name, tenant, key });

export interface TestDispatcher {
  worker: string;
  /** How many commands it has taken to Temporal, by result. */
  results: Record<string, number>;
  oldestMs: number[];
  logged: object[];
  errors: unknown[];
  stop(): Promise<void>;
  /** Says that its worker is dead, whatever it still does. */
  die(): Promise<void>;
}

/** A dispatcher as in a worker of its own, that says it is alive and does nothing else. */
export function startTestDispatcher(
  { pool, client, ...deps }: Pick<DispatcherDeps, 'client'> & Partial<DispatcherDeps> & { pool: Pool },
  topics: Topic[],
  { perSecond = 1_000, weights = {} }: { perSecond?: number; weights?: TenantWeights } = {},
): TestDispatcher {
  const worker = `dispatcher-${nanoid()}`;
  const [results, oldestMs, logged, errors]: [Record<string, number>, number[], object[], unknown[]] = [{}, [], [], []];
  const onError = (error: unknown) => void errors.push(error);
  const dispatcher = startDispatcher(
    {
      pool,
      client,
      worker,
      metrics: {
        dispatched(_topic, result) {
          results[result] = (results[result] ?? 0) + 1;
        },
        oldestCommand: (ms) => void oldestMs.push(ms),
      },
      log: { error: (fields: object) => void logged.push(fields) } as DispatcherDeps['log'],
      onError,
      recordRefusal,
      ...deps,
    },
    topics,
    { dispatchPerSecond: perSecond, dispatchWeights: weights },
  );
  const alive = runInBackground(() => lookAround(pool, worker, { lane: 'stable', topics: [] }).then(() => 'idle'), {
    pauseMs: 500,
    onError,
  });
  const die = async () => {
    await alive.stop();
    await deregister(pool, worker);
  };
  return {
    worker,
    results,
    oldestMs,
    logged,
    errors,
    die,
    async stop() {
      await dispatcher.stop();
      await die();
    },
  };
}

/** Until nothing waits to be dispatched any more. */
export const allDispatched = (pool: Pool, timeoutMs?: number) =>
  eventually(async () => {
    const { rows } = await pool.query('select key, failure from postdate.command where dispatched_at is null');
    expect(rows).toEqual([]);
  }, timeoutMs);

/** Takes to Temporal what has been committed, where a test has no worker that does. */
export async function dispatchAll({ pool, client }: { pool: Pool; client: Client }, topics: Topic[]): Promise<void> {
  const dispatcher = startTestDispatcher({ pool, client }, topics);
  await allDispatched(pool);
  await dispatcher.stop();
}
