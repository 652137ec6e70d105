import type { Pool, PoolClient } from 'pg';
import { inTransaction, type Queryable } from '../platform/database/pool';
import { type BackgroundLoop, runInBackground } from '../platform/loops/background-loop';
import { handleAgain, handleRows } from './handle-rows';
import { setAside } from './set-aside';
import { readRows, type StreamedEvent } from './stream';

/** A listener. `handle` makes its effect in `tx`; the same transaction moves the consumer's position. */
export interface Consumer {
  name: string;
  /** Where a new consumer begins. A known one goes on where it was. */
  from: 'start' | 'end';
  handle(tx: PoolClient, streamed: StreamedEvent): Promise<void>;
}

/** Declares a listener. */
export const defineConsumer = (consumer: Consumer): Consumer => consumer;

/** Subscribes a consumer at the start or the end of the stream. A known consumer stays where it is. */
export async function subscribe(db: Queryable, { name, from }: Pick<Consumer, 'name' | 'from'>): Promise<void> {
  await db.query(
    `insert into postdate.consumer (name, position)
     select $1, case when $2 = 'start' then 0 else position end from postdate.stream_head
     on conflict (name) do nothing`,
    [name, from],
  );
}

/** Sets where the consumer goes on: 0 replays everything, a position replays what comes after it. */
export async function replayFrom(pool: Pool, name: string, position: number): Promise<void> {
  const moved = await pool.query('update postdate.consumer set position = $2 where name = $1', [name, position]);
  if (moved.rowCount === 0) throw new Error(`there is no consumer named ${name}`);
}

/**
 * Handles the next `limit` events of a consumer, and returns how many. Position and effects commit together, and
 * processes of one name take turns, so each effect in this database happens once. If `handle` throws, earlier effects
 * of the batch stay, and the event is tried again at the next call: nothing is skipped. A row that holds no event is set
 * aside, and counts as handled.
 */
export async function consumeBatch(pool: Pool, { name, handle }: Consumer, limit = 100): Promise<number> {
  const consume = async (tx: PoolClient) => {
    const mine = await tx.query<{ position: string }>(
      `select position from postdate.consumer
        where name = $1 and (position < (select position from postdate.stream_head)
                             or exists (select 1 from postdate.set_aside
                                         where consumer = $1 and ended_at is null and next_try_at <= clock_timestamp()))
          for update skip locked`,
      [name],
    );
    if (!mine.rows[0]) return { handled: 0 };
    const again = await handleAgain(tx, { name, handle }, limit);
    if (again.handled > 0) return again;
    const next = await readRows(tx, Number(mine.rows[0].position), limit);
    const { handled, aside, failure } = await handleRows(tx, { name, handle }, next);
    await setAside(tx, name, aside);
    const last = next[handled - 1];
    if (last) {
      await tx.query('update postdate.consumer set position = $2, updated_at = clock_timestamp() where name = $1', [
        name,
        last.position,
      ]);
    }
    return { handled, failure };
  };
  const outcome = await inTransaction(pool, consume, { isLent: true });
  if (outcome.failure) throw outcome.failure.error;
  return outcome.handled;
}

/** Consumes until stopped, at the consumer's own pace. `nudge` it when the stream has grown. */
export function startConsumer(
  pool: Pool,
  consumer: Consumer,
  { onError, pauseMs = 1_000 }: { onError(error: unknown): void; pauseMs?: number },
): BackgroundLoop {
  let subscribed = false;
  return runInBackground(
    async () => {
      if (!subscribed) await subscribe(pool, consumer);
      subscribed = true;
      return (await consumeBatch(pool, consumer)) > 0 ? 'more' : 'idle';
    },
    // Usually a hint comes first. This poll is for hints that were lost with their connection.
    { pauseMs, onError },
  );
}
