import type { Queryable } from '../platform/database/pool';

/**
 * A table with a part of the outbox: the events of one month, those that were there before there were months, or those that no
 * month was made for.
 */
export interface OutboxPart {
  kind: 'month' | 'beforeMonths' | 'noMonth';
  name: string;
  /** Its name as SQL, with its schema. */
  table: string;
  /** Whether it ends before the instant that was asked for. */
  isPast: boolean;
}

/** The parts of the outbox. `before`: which of them are past, as PostgreSQL writes an instant. */
export async function readParts(db: Queryable, before: string): Promise<OutboxPart[]> {
  const { rows } = await db.query<OutboxPart>(
    `select case when bound = 'DEFAULT' then 'noMonth'
                 when bound like 'FOR VALUES FROM (MINVALUE)%' then 'beforeMonths' else 'month' end as kind,
            name, format('postdate.%I', name) as table,
            coalesce(substring(bound from 'TO \\(''([^'']+)''\\)')::timestamptz <= $1::timestamptz, false) as "isPast"
       from (select relname as name, pg_get_expr(relpartbound, pg_class.oid) as bound
               from pg_inherits join pg_class on pg_class.oid = inhrelid
              where inhparent = 'postdate.outbox'::regclass) as part
      order by name`,
    [before],
  );
  return rows;
}

/** The instant so many days ago, by the database's clock, as PostgreSQL writes it. */
export async function daysAgo(db: Queryable, days: number): Promise<string> {
  const { rows } = await db.query<{ at: string }>(
    'select (clock_timestamp() - make_interval(days => $1))::text as at',
    [days],
  );
  return (rows[0] as { at: string }).at;
}
