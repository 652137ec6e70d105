import type { Queryable } from '../../../platform/database/pool';
import type { ErrorFields } from '../../../platform/telemetry/log-errors';
import type { DifferenceKind, Differences } from './compare';

/**
 * The summary of a shadow lane's comparisons, in messages. All are counted; examples are the first of each kind and
 * build.
 */
export interface ShadowSummary {
  compared: number;
  different: number;
  /** How many messages were different, by kind; a message may have several kinds. */
  kinds: Partial<Record<DifferenceKind, number>>;
  /** How many could not be compared, by reason. */
  notCompared: Record<string, number>;
  /** How many of the compared had no rows to compare, as their topic declares none. */
  withoutRows: number;
  examples: ShadowExample[];
}

export interface ShadowExample {
  tenant: string;
  key: string;
  cycle: number;
  build?: string;
  comparedAt: string;
  kinds: DifferenceKind[];
  notCompared?: string;
  detail: Differences & { failed?: ErrorFields; because?: ErrorFields };
}

/** Summarises the comparisons of a shadow lane, since an instant if one is given, with at most `limit` examples. */
export async function summariseComparisons(
  db: Queryable,
  { topic, lane, since }: { topic: string; lane: string; since?: Date },
  limit: number,
): Promise<ShadowSummary> {
  const selected = [topic, lane, since ?? '-infinity'];
  const { rows: counts } = await db.query<{
    kinds: DifferenceKind[];
    not_compared: string | null;
    without_rows: number;
    messages: number;
  }>(
    `select kinds, not_compared, count(*)::float8 as messages,
            count(*) filter (where not rows_compared and not 'failed' = any(kinds))::float8 as without_rows
       from postdate.shadow_comparison
      where topic = $1 and lane = $2 and compared_at >= $3
      group by kinds, not_compared`,
    selected,
  );
  const { rows: examples } = await db.query<ExampleRow>(
    `select tenant, key, cycle, build, compared_at, kinds, not_compared, detail
       from postdate.shadow_comparison
      where topic = $1 and lane = $2 and compared_at >= $3 and detail is not null
      order by not_compared is not null, compared_at desc, tenant, key, cycle
      limit $4`,
    [...selected, limit],
  );
  const compared = counts.filter(({ not_compared }) => not_compared === null);
  const sum = (rows: { messages: number }[]) => rows.reduce((all, { messages }) => all + messages, 0);
  const kinds = [...new Set(compared.flatMap((row) => row.kinds))].sort();
  const others = counts.flatMap(({ not_compared, messages }) =>
    not_compared === null ? [] : [[not_compared, messages]],
  );
  return {
    compared: sum(compared),
    different: sum(compared.filter((row) => row.kinds.length > 0)),
    kinds: Object.fromEntries(kinds.map((kind) => [kind, sum(compared.filter((row) => row.kinds.includes(kind)))])),
    notCompared: Object.fromEntries(others),
    withoutRows: compared.reduce((all, row) => all + row.without_rows, 0),
    examples: examples.map(exampleOf),
  };
}

interface ExampleRow extends Pick<ShadowExample, 'tenant' | 'key' | 'cycle' | 'kinds' | 'detail'> {
  build: string | null;
  compared_at: Date;
  not_compared: string | null;
}

const exampleOf = ({
  build,
  compared_at,
  not_compared,
  tenant,
  key,
  cycle,
  kinds,
  detail,
}: ExampleRow): ShadowExample => ({
  tenant,
  key,
  cycle,
  build: build ?? undefined,
  comparedAt: compared_at.toISOString(),
  kinds,
  notCompared: not_compared ?? undefined,
  detail,
});
