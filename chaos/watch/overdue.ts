import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import { createPool } from '../../src/platform/database/pool';
import type { Plan } from '../plan/plan';
import { beat } from '../programs/beat';

/** How many messages were overdue by more than a second, so long after the start. */
export interface OverdueAt {
  seconds: number;
  messages: number;
}

export interface OverdueWatch {
  /** How many are overdue now; undefined where the database cannot be asked. */
  now(): Promise<number | undefined>;
  stop(): Promise<OverdueAt[]>;
}

/** Counts every second what is due, was posted, and has not been decided. */
export function watchOverdue(databaseUrl: string, plan: Plan, startedAt: number): OverdueWatch {
  const pool = createPool(databaseUrl, { connections: 1, onError: () => undefined });
  const beats = plan.producers.flatMap((producer) => producer.beats);
  const curve: OverdueAt[] = [];
  let stopped = false;

  const now = () =>
    countOverdue(
      pool,
      beats.map(({ id, atMs, dueInMs }) => ({ id, dueAt: startedAt + atMs + dueInMs })),
    ).catch(() => undefined);

  const running = (async () => {
    while (!stopped) {
      const messages = await now();
      if (messages !== undefined) curve.push({ seconds: Math.round((Date.now() - startedAt) / 1_000), messages });
      await pause(1_000);
    }
  })();
  return {
    now,
    async stop() {
      stopped = true;
      await running;
      await pool.end();
      return curve;
    },
  };
}

// If a beat could not be posted yet, it counts from when it was to be due: its producer is as late as Temporal is.
async function countOverdue(pool: Pool, beats: { id: string; dueAt: number }[]): Promise<number> {
  const { rows } = await pool.query<{ messages: number }>(
    `select (select count(*) from payments.payment_request
              where status = 'PENDING' and due_at < clock_timestamp() - interval '1 second')::int
          + (select count(*) from unnest($2::text[], $3::float8[]) as planned (id, due_at)
               left join lateral (select cycle, next_due_at from postdate.delivery
                                   where topic = $1 and tenant = 'chaos' and key = planned.id
                                   order by cycle desc limit 1) as last on true
              where case when last.cycle is null then to_timestamp(planned.due_at / 1000) else last.next_due_at end
                    < clock_timestamp() - interval '1 second')::int as messages`,
    [beat.name, beats.map(({ id }) => id), beats.map(({ dueAt }) => dueAt)],
  );
  return rows[0]?.messages ?? 0;
}

/** How many were overdue at most, and how long after the last fault it took until none was any more. */
export function drainOf(curve: OverdueAt[], { faults }: Plan): { most: number; seconds: number | undefined } {
  const healedAfter = Math.max(0, ...faults.map(({ atMs, forMs }) => atMs + forMs)) / 1_000;
  const drained = curve.find(({ seconds, messages }) => seconds >= healedAfter && messages === 0);
  return {
    most: Math.max(0, ...curve.map(({ messages }) => messages)),
    seconds: drained && Math.round(drained.seconds - healedAfter),
  };
}
