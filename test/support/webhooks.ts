import { nanoid } from 'nanoid';
import type { Pool } from 'pg';
import { appendEvent } from '../../src/events/outbox';
import { relayBatch } from '../../src/events/relay';
import type { Reach } from '../../src/events/webhooks/addresses';
import { addWebhook } from '../../src/events/webhooks/registration';
import { startWebhooks } from '../../src/events/webhooks/start';
import { testAuthority } from './certificate';
import type { TestDatabase } from './database';
import { eventually } from './eventually';
import { type Listener, startListener } from './listener';

/** As in local development, and with a name that leads to the listeners of tests. */
export const reach: Reach = {
  allowPrivateAddresses: true,
  resolve: async (name) => (name === 'listener.test' ? ['127.0.0.1'] : []),
};

export interface TestWebhooks {
  results: Record<string, number>;
  logged: object[];
  errors: unknown[];
  waiting(): { deliveries: number; oldestMs: number } | undefined;
  nudge(): void;
  stop(): Promise<void>;
}

/** What a worker does for webhooks, and nothing else of it. */
export function startTestWebhooks(
  pool: Pool,
  options: Partial<Parameters<typeof startWebhooks>[1]> = {},
): TestWebhooks {
  const [results, logged, errors]: [Record<string, number>, object[], unknown[]] = [{}, [], []];
  let waiting: { deliveries: number; oldestMs: number } | undefined;
  const count = (result: string) => {
    results[result] = (results[result] ?? 0) + 1;
  };
  const { nudge, stop } = startWebhooks(pool, {
    worker: `webhooks-${nanoid()}`,
    metrics: {
      webhookTried: count,
      webhookGivenUp: () => count('givenUp'),
      webhooksWaiting(deliveries, oldestMs) {
        waiting = { deliveries, oldestMs };
      },
    },
    log: { warn: (fields: object) => void logged.push(fields) },
    onError: (error) => void errors.push(error),
    ca: testAuthority,
    ...reach,
    ...options,
  });
  return { results, logged, errors, waiting: () => waiting, nudge, stop };
}

/** Listeners and webhooks of a test, which are stopped and removed after it. */
export function useWebhooks(database: TestDatabase) {
  const open: { stop(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop();
    await database.pool.query('delete from postdate.webhook');
  });
  return {
    async listener(options = {}): Promise<Listener> {
      const started = await startListener(options);
      open.push(started);
      return started;
    },
    webhooks(options = {}): TestWebhooks {
      const started = startTestWebhooks(database.pool, options);
      open.push(started);
      return started;
    },
    add: (url: string, fields = {}) => addWebhook(database.pool, { url, tenant: 'acme', ...fields }, reach),
  };
}

/** Puts an event for each key into the stream; answers their ids. */
export async function emitTo(
  pool: Pool,
  keys: string[],
  { tenant = 'acme', topic = 'test.webhooks', type = 'test.happened', data = {} } = {},
): Promise<string[]> {
  for (const key of keys) await appendEvent(pool, { topic, tenant, key, cycle: 1 }, type, data);
  while ((await relayBatch(pool)) > 0);
  return keys.map((key) => `${topic}:${tenant}:${key}:1:${type}`);
}

/** Ends the pauses before the next tries. What is to be tried now is left alone: a claim skips rows that are being updated. */
export const hurry = (pool: Pool) =>
  pool.query(
    'update postdate.webhook_delivery set next_try_at = now() where next_try_at > now() and claimed_by is null',
  );

/** Until all events are queued and nothing waits any more; pauses are cut short. */
export const allEnded = (pool: Pool, timeoutMs?: number) =>
  eventually(async () => {
    await hurry(pool);
    const { rowCount } = await pool.query(
      `select 1 from postdate.consumer join postdate.stream_head using (position) where name = 'webhooks'`,
    );
    expect(rowCount).toBe(1);
    const { rows } = await pool.query(
      'select webhook_id, event_id, tries, failure from postdate.webhook_delivery where next_try_at is not null limit 3',
    );
    expect(rows).toEqual([]);
  }, timeoutMs);
