import type { Pool } from 'pg';
import { type BackgroundLoop, runInBackground, stoppedTogether } from './background-loop';
import type { Queryable } from './database';
import type { Metrics } from './metrics';

// Half of what a scrape usually waits: three index lookups each time, in every worker.
const READ_MS = 5_000;

/**
 * Reads every few seconds what no part of a worker sees by itself: how far the stream is behind, and the pool. What is said of
 * the database each worker says of all of it, so that none is missed when one stops.
 */
export function startReadings(
  deps: {
    pool: Pool;
    metrics: Pick<Metrics, 'oldestEvent' | 'consumerLag' | 'unsealed' | 'connections'>;
    onError(error: unknown): void;
  },
  { readMs = READ_MS }: { readMs?: number } = {},
): Pick<BackgroundLoop, 'stop'> {
  const { pool, metrics, onError } = deps;
  let known: string[] = [];

  // In a loop of its own: the other one is among those who wait when no connection is left.
  async function readPool(): Promise<'idle'> {
    const { totalCount, idleCount, waitingCount } = pool;
    metrics.connections('used', totalCount - idleCount);
    metrics.connections('idle', idleCount);
    metrics.connections('waiting', waitingCount);
    return 'idle';
  }

  async function readDatabase(): Promise<'idle'> {
    metrics.oldestEvent(await oldestEventMs(pool));
    metrics.unsealed(await unsealedMs(pool));
    const lags = await readLags(pool);
    for (const { name, events, ms } of lags) metrics.consumerLag(name, events, ms);
    // A consumer that was removed would keep its last lag for as long as this process lives.
    for (const gone of known.filter((name) => !lags.some((lag) => lag.name === name))) metrics.consumerLag(gone, 0, 0);
    known = lags.map(({ name }) => name);
    return 'idle';
  }

  return stoppedTogether([readPool, readDatabase].map((read) => runInBackground(read, { pauseMs: readMs, onError })));
}

async function oldestEventMs(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ ms: number }>(
    `select greatest(0, extract(epoch from clock_timestamp() - (payload->>'time')::timestamptz))::float8 * 1000 as ms
       from postdate.outbox where position is null order by seq limit 1`,
  );
  return rows[0]?.ms ?? 0;
}

/** How many events each consumer has still to read, and for how long the first of them has had its place in the stream. */
async function readLags(db: Queryable): Promise<{ name: string; events: number; ms: number }[]> {
  const { rows } = await db.query<{ name: string; events: number; ms: number }>(
    `select name, greatest(0, head.position - consumer.position)::float8 as events,
            greatest(0, coalesce(extract(epoch from clock_timestamp() - (
              select relayed_at from postdate.outbox
               where outbox.position > consumer.position order by outbox.position limit 1)), 0))::float8 * 1000 as ms
       from postdate.consumer as consumer, postdate.stream_head as head`,
  );
  return rows;
}

async function unsealedMs(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ ms: number | null }>(
    `select greatest(0, extract(epoch from clock_timestamp() - (max(day) + 1)::timestamp at time zone 'UTC'))::float8 * 1000
              as ms
       from postdate.ledger_day`,
  );
  return rows[0]?.ms ?? 0;
}
