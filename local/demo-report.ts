import Table from 'cli-table3';
import type { Pool } from 'pg';
import pc from 'picocolors';
import type { DemoCounts } from './demo-input';

export interface DemoOutcome extends DemoCounts {
  /** Expired before their due time, by the database's clock. */
  early: number;
  /** Cycles that the ledger has decided, and events that were published, beyond one each. */
  repeated: number;
  latenessMs: { p50: number; p99: number; max: number };
}

/** Counts what really became of this run's requests, in the tables that a business would look at. */
export async function readOutcome(pool: Pool, ids: string[]): Promise<DemoOutcome> {
  const { rows } = await pool.query(
    `with mine as (select * from payments.payment_request where id = any($1)),
          told as (select * from postdate.outbox where split_part(aggregateid, '/', 2) = any($1)),
          lateness as (
            select extract(epoch from closed_at - due_at) * 1000 as ms from mine where status = 'EXPIRED'
          )
     select (select count(*) from mine)::int as posted,
            (select count(*) from mine where status = 'PAID')::int as paid,
            (select count(*) from mine where status = 'CANCELLED')::int as cancelled,
            (select count(*) from told where type = 'payment-request.extended')::int as extended,
            (select count(*) from mine where status = 'EXPIRED')::int as expired,
            (select count(*) from payments.notification n join told on n.event_id = told.id)::int as notified,
            (select count(*) from lateness where ms < 0)::int as early,
            (select count(*) - count(distinct (aggregateid, type)) from told)::int as repeated,
            (select coalesce(percentile_disc(0.5) within group (order by ms), 0) from lateness)::float8 as p50,
            (select coalesce(percentile_disc(0.99) within group (order by ms), 0) from lateness)::float8 as p99,
            (select coalesce(max(ms), 0) from lateness)::float8 as max`,
    [ids],
  );
  const { p50, p99, max, ...counts } = rows[0];
  return { ...counts, latenessMs: { p50, p99, max } };
}

/** The names of the figures that are not as they must be. */
export function deviations(expected: DemoCounts, seen: DemoOutcome): string[] {
  const names = Object.keys(expected) as (keyof DemoCounts)[];
  const off = names
    .filter((name) => expected[name] !== seen[name])
    .map((name) => `${name}: ${seen[name]}, not ${expected[name]}`);
  if (seen.early > 0) off.push(`early: ${seen.early}`);
  if (seen.repeated > 0) off.push(`repeated: ${seen.repeated}`);
  return off;
}

/** The closing table. */
export function report(expected: DemoCounts, seen: DemoOutcome): string {
  const table = new Table({
    head: ['', 'input says', 'seen'],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const name of Object.keys(expected) as (keyof DemoCounts)[]) {
    const mark = expected[name] === seen[name] ? pc.green : pc.red;
    table.push([name, expected[name], mark(String(seen[name]))]);
  }
  for (const name of ['early', 'repeated'] as const)
    table.push([name, 0, (seen[name] ? pc.red : pc.green)(String(seen[name]))]);
  const { p50, p99, max } = seen.latenessMs;
  table.push([{ content: `lateness p50 ${ms(p50)} · p99 ${ms(p99)} · max ${ms(max)}`, colSpan: 3 }]);
  return table.toString();
}

const ms = (value: number) => (value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`);
