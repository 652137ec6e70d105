import type { Pool } from 'pg';

type Database = Pick<Pool, 'query'>;

/**
 * The effect, the same for every contender: one conditional update of the request's row and one event, in one
 * transaction. One statement is the quickest way to say so, which is what the rivals use.
 */
export async function expireOne(db: Database, id: string): Promise<void> {
  await expireMany(db, [id]);
}

/** The same for a batch, for contenders that are handed several messages at once. */
export async function expireMany(db: Database, ids: string[]): Promise<void> {
  const { rows } = await db.query<{ request_id: string }>(
    `with hit as (
       update app.request set status = 'EXPIRED'
        where id = any($1) and status = 'PENDING' and due_at <= clock_timestamp()
       returning id
     )
     insert into app.event (request_id, type) select id, 'request.expired' from hit
     returning request_id`,
    [ids],
  );
  if (rows.length === ids.length) return;
  const hit = new Set(rows.map(({ request_id }) => request_id));
  await db.query('insert into app.miss (request_id) select unnest($1::text[])', [ids.filter((id) => !hit.has(id))]);
}
