import type { Pool } from 'pg';
import type { Queryable } from '../database/pool';
import { type BackgroundLoop, runInBackground, stoppedTogether } from '../loops/background-loop';
import type { Metrics } from './metrics';

// Half of the usual scrape interval. One sample costs three index lookups in every worker.
const SAMPLE_MS = 5_000;

/**
 * Sets the gauges that no other part of a worker sets: stream lag, unsealed ledger time and pool connections, every few
 * seconds. Every worker reports the whole database, so no value is missing when one worker stops.
 */
export function startGauges(
  deps: {
    pool: Pool;
    metrics: Pick<Metrics, 'oldestEvent' | 'consumerLag' | 'consumerStopped' | 'setAside' | 'unsealed' | 'connections'>;
    onError(error: unknown): void;
  },
  { sampleMs = SAMPLE_MS }: { sampleMs?: number } = {},
): Pick<BackgroundLoop, 'stop'> {
  const { pool, metrics, onError } = deps;
  let knownConsumers: string[] = [];

  // In a loop of its own: the other loop itself waits when no connection is left.
  async function samplePool(): Promise<'idle'> {
    const { totalCount, idleCount, waitingCount } = pool;
    metrics.connections('used', totalCount - idleCount);
    metrics.connections('idle', idleCount);
    metrics.connections('waiting', waitingCount);
    return 'idle';
  }

  async function sampleDatabase(): Promise<'idle'> {
    metrics.oldestEvent(await oldestEventMs(pool));
    metrics.unsealed(await unsealedMs(pool));
    const lags = await readConsumerLags(pool);
    for (const { name, events, ms, stoppedMs, aside } of lags) {
      metrics.consumerLag(name, events, ms);
      metrics.consumerStopped(name, stoppedMs);
      metrics.setAside(name, aside);
    }
    const names = lags.map(({ name }) => name);
    // A consumer that was removed would keep its last lag for as long as this process lives.
    for (const removed of knownConsumers.filter((name) => !names.includes(name))) {
      metrics.consumerLag(removed, 0, 0);
      metrics.consumerStopped(removed, 0);
      metrics.setAside(removed, 0);
    }
    knownConsumers = names;
    return 'idle';
  }

  return stoppedTogether(
    [samplePool, sampleDatabase].map((read) => runInBackground(read, { pauseMs: sampleMs, onError })),
  );
}

/** For how many ms the oldest event has waited for its position in the stream; 0 if none waits. */
export async function oldestEventMs(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ time: unknown; now: Date }>(
    `select payload->'time' as time, clock_timestamp() as now
       from postdate.outbox where position is null order by seq limit 1`,
  );
  const { time, now } = rows[0] ?? {};
  // A row that a stranger wrote may have no time. PostgreSQL would fail to read it, and this with it.
  const at = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return now && !Number.isNaN(at) ? Math.max(0, now.getTime() - at) : 0;
}

interface ConsumerLag {
  name: string;
  events: number;
  ms: number;
  stoppedMs: number;
  aside: number;
}

/**
 * How many events each consumer still has to read, for how many ms the first of them has been in the stream, for how many it
 * has stopped at an event, and how many are set aside for it. Of a consumer with partitions: those of the last of them.
 */
async function readConsumerLags(db: Queryable): Promise<ConsumerLag[]> {
  const { rows } = await db.query<ConsumerLag>(
    `select lag.*, (select count(*) from postdate.set_aside
                     where set_aside.consumer = lag.name and ended_at is null)::float8 as aside
       from (
         select coalesce(part_of, name) as name, max(greatest(0, head.position - consumer.position))::float8 as events,
                max(greatest(0, coalesce(extract(epoch from clock_timestamp() - (
                  select relayed_at from postdate.outbox
                   where outbox.position > consumer.position order by outbox.position limit 1)), 0)))::float8 * 1000 as ms,
                max(case when failures > 0 then greatest(0, extract(epoch from clock_timestamp() - failed_since))
                         else 0 end)::float8 * 1000 as "stoppedMs"
           from postdate.consumer as consumer, postdate.stream_head as head
          group by coalesce(part_of, name)) as lag`,
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
