import type { Queryable } from '../../platform/database/pool';
import type { Backlog } from '../../platform/telemetry/stream-metrics';

/** The publisher's backlog. 0 events if the publisher is not subscribed yet. */
export async function backlogOf(db: Queryable, name: string): Promise<Backlog> {
  // Counted from the first event that exists. Events that retention removed before a new publisher began are no
  // backlog.
  const { rows } = await db.query<Backlog>(
    `select (head.position - first.position + 1)::float8 as events,
            extract(epoch from greatest(clock_timestamp() - first.relayed_at, interval '0'))::float8 * 1000 as "ageMs"
       from postdate.consumer cross join postdate.stream_head as head
            cross join lateral (select position, relayed_at from postdate.outbox
                                 where outbox.position > consumer.position order by position limit 1) as first
      where name = $1`,
    [name],
  );
  return rows[0] ?? { events: 0, ageMs: 0 };
}
