import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { withClient } from '../../local/databases';
import { PROGRAMS } from '../system/links';
import type { Parts } from '../system/parts';

/** One look at what should not grow. */
export interface Sample {
  seconds: number;
  values: Record<string, number>;
}

/** How a value went: at the beginning and the end of the part that is looked at, and its slope. */
export interface Growth {
  first: number;
  last: number;
  perHour: number;
}

const EVERY_MS = 10_000;
// Caches fill and heaps find their size at first.
const WARM_UP_SHARE = 1 / 3;

/** Looks at memory, connections and tables every ten seconds; what it returns are lines through the later two thirds. */
export function sampleGrowth(parts: Parts): { stop(): Promise<Record<string, Growth>> } {
  const startedAt = Date.now();
  const samples: Sample[] = [];
  let stopped = false;

  async function look(): Promise<void> {
    const values: Record<string, number> = {};
    const pids = [
      ...PROGRAMS.map((name) => [name, parts.pidOf(name)] as const),
      ['temporal', parts.temporal.pid()] as const,
    ];
    for (const [name, pid] of pids) {
      const rssMb = pid === undefined ? undefined : await rssMbOf(pid).catch(() => undefined);
      if (rssMb !== undefined) values[`${name} MB`] = rssMb;
    }
    Object.assign(values, await databaseFigures(parts.postgres.url).catch(() => ({})));
    samples.push({ seconds: Math.round((Date.now() - startedAt) / 1_000), values });
  }

  const running = (async () => {
    while (!stopped) {
      await look();
      await pause(EVERY_MS);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await running;
      const later = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
      const names = new Set(later.flatMap(({ values }) => Object.keys(values)));
      return Object.fromEntries([...names].map((name) => [name, growthOf(later, name)]));
    },
  };
}

async function rssMbOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
}

async function databaseFigures(databaseUrl: string): Promise<Record<string, number>> {
  const { rows } = await withClient(databaseUrl, (db) =>
    db.query<{ name: string; value: number }>(`
      select 'connections' as name, count(*)::float8 as value from pg_stat_activity
       where datname = current_database() and application_name like 'postdate%'
      union all
      select 'table ' || coalesce(whole.relname, part.relname) || ' KB', sum(pg_total_relation_size(relid)) / 1024.0
        from pg_stat_user_tables as part
        left join pg_inherits on inhrelid = part.relid left join pg_class as whole on whole.oid = inhparent
       where schemaname = 'postdate' and part.relname not like 'kysely%'
       group by 1
      union all
      select 'decisions', count(*)::float8 from postdate.delivery`),
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, Number(value)]));
}

/** The line of least squares through a value's samples; those without it do not count. */
export function growthOf(samples: Sample[], name: string): Growth {
  const points = samples.flatMap(({ seconds, values }) =>
    name in values ? [{ x: seconds, y: values[name] as number }] : [],
  );
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanX, meanY] = [mean(({ x }) => x), mean(({ y }) => y)];
  const squares = mean(({ x }) => (x - meanX) ** 2);
  const slope = squares === 0 ? 0 : mean(({ x, y }) => (x - meanX) * (y - meanY)) / squares;
  const rounded = (value: number) => Math.round(value * 10) / 10;
  return { first: rounded(points[0]?.y ?? 0), last: rounded(points.at(-1)?.y ?? 0), perHour: rounded(slope * 3_600) };
}
