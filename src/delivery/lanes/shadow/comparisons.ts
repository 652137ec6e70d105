import type { Queryable } from '../../../platform/database/pool';
import type { ErrorFields } from '../../../platform/telemetry/log-errors';
import type { DifferenceKind, Differences } from './compare';
import type { DueCopy } from './stable-decisions';
import type { NotCompared } from './trial';

/**
 * The result for one copy. `failed`: the error of the shadow's handler, without its message, which may repeat a
 * payload.
 */
export type Comparison =
  | { notCompared: NotCompared; because?: ErrorFields }
  | { failed: ErrorFields; rowsCompared: boolean }
  | { differences: Differences; rowsCompared: boolean };

// Per kind, lane and build: enough to see the cause. All comparisons are counted.
const MAX_EXAMPLES = 20;

const kindsOf = (one: Comparison): DifferenceKind[] => {
  if ('failed' in one) return ['failed'];
  return 'differences' in one ? (Object.keys(one.differences) as DifferenceKind[]) : [];
};

function detailOf(one: Comparison): object | undefined {
  if ('failed' in one) return { failed: one.failed };
  if ('differences' in one) return kindsOf(one).length > 0 ? one.differences : undefined;
  return one.because && { because: one.because };
}

/** Records the result for a copy, and deletes the copy. If two processes tried one message, the first result counts. */
export async function recordComparison(
  db: Queryable,
  { delivery: { message }, lane }: DueCopy,
  comparison: Comparison,
  build?: string,
): Promise<void> {
  const kinds = kindsOf(comparison);
  const notCompared = 'notCompared' in comparison ? comparison.notCompared : undefined;
  const detail = detailOf(comparison);
  await db.query(
    `with examples as (
       select coalesce(kind, not_compared) as of, count(*) as examples
         from postdate.shadow_comparison left join unnest(kinds) as kind on true
        where topic = $1 and lane = $2 and build is not distinct from $6 and detail is not null
        group by 1
     ), struck as (
       delete from postdate.shadow_copy
        where (topic, lane, tenant, key, cycle) = ($1, $2, $3, $4, $5::integer)
     )
     insert into postdate.shadow_comparison
       (topic, lane, tenant, key, cycle, build, not_compared, different, kinds, rows_compared, detail)
     values ($1, $2, $3, $4, $5, $6, $7, cardinality($8::text[]) > 0, $8, $9,
             case when exists (select from unnest($8::text[] || $7::text) as given (of)
                                where of is not null and coalesce((select examples from examples
                                                where examples.of = given.of), 0) < ${MAX_EXAMPLES})
                  then $10::jsonb end)
     on conflict do nothing`,
    [
      message.topic,
      lane,
      message.tenant,
      message.key,
      message.cycle,
      build ?? null,
      notCompared ?? null,
      kinds,
      'rowsCompared' in comparison && comparison.rowsCompared,
      detail ? JSON.stringify(detail) : null,
    ],
  );
}

/** Counts the messages that a shadow lane was compared in since an instant (RFC 3339), and those that differed. */
export async function countDifferences(
  db: Queryable,
  { topic, lane, since }: { topic: string; lane: string; since: string },
): Promise<{ compared: number; different: number }> {
  const { rows } = await db.query<{ compared: number; different: number }>(
    `select count(*)::float8 as compared, count(*) filter (where different)::float8 as different
       from postdate.shadow_comparison
      where topic = $1 and lane = $2 and not_compared is null
        and compared_at >= $3`,
    [topic, lane, since],
  );
  return rows[0] ?? { compared: 0, different: 0 };
}

/** Removes comparisons that are older than `days`, at most `limit`. Returns how many. */
export async function pruneComparisons(db: Queryable, days: number, limit: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from postdate.shadow_comparison where (topic, lane, tenant, key, cycle) in (
       select topic, lane, tenant, key, cycle from postdate.shadow_comparison
        where compared_at < clock_timestamp() - make_interval(days => $1)
        limit $2)`,
    [days, limit],
  );
  return rowCount ?? 0;
}
