import type { Pool } from 'pg';
import { whyKept } from '../../maintenance/event-needs';
import { readParts } from '../../maintenance/outbox-parts';
import { type Found, ok, warn } from './finding';

// Of the events in no month so many are counted.
const COUNTED = 1_000;

/** Checks that events lie in months, that the next month is there, and that no month is kept beyond its time. */
export async function checkMonths(pool: Pool): Promise<Found> {
  const { rows } = await pool.query<{ outside: number; next: boolean; before: string }>(
    `select (select count(*) from (select from postdate.outbox_default limit ${COUNTED}) as few)::integer as outside,
            to_regclass('postdate.outbox_' || to_char((clock_timestamp() at time zone 'UTC') + interval '1 month', 'YYYY_MM'))
              is not null as next,
            coalesce((select before from postdate.retention where what = 'outbox'), '-infinity')::text as before`,
  );
  const { outside, next, before } = rows[0] as NonNullable<(typeof rows)[0]>;
  const parts = await readParts(pool, before);
  const kept: string[] = [];
  for (const { kind, isPast, name, table } of parts) {
    if (kind === 'noMonth' || !isPast) continue;
    const why = await whyKept(pool, table, before);
    if (why.length > 0) kept.push(`${name} is kept for an event: ${why.join('; ')}`);
  }
  const many = outside === COUNTED ? `${outside} or more` : outside;
  const says = [
    ...(outside > 0 ? [`${many} events are in no month`] : []),
    ...(next ? [] : ['the next month has no table']),
    ...kept,
  ];
  if (says.length === 0) return ok(`${parts.filter(({ kind }) => kind === 'month').length}, with all events`);
  const todo = [
    ...(outside > 0
      ? ['they go one by one when they are old; was the clock wrong, or no worker there for months?']
      : []),
    ...(next ? [] : ['start a worker, and let its role call postdate.add_outbox_month']),
    ...(kept.length > 0 ? ['see to what needs the event; its month goes with it'] : []),
  ];
  return warn(says.join(', '), todo.join('; '));
}
