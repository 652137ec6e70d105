import type { Queryable } from '../database';
import type { Backlog } from '../metrics';

/** The publisher's backlog; none, too, when nobody has made it known. */
export async function backlogOf(db: Queryable, name: string): Promise<Backlog> {
  // From the first event that is there: what was removed for its age before a new publisher began is no backlog.
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
