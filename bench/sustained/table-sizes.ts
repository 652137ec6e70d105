import type { Pool } from 'pg';

/** How large a table of Postdate's was at one moment, and how many of its rows wait for vacuum. The outbox is all of its months. */
export interface TableSize {
  table: string;
  megabytes: number;
  live: number;
  dead: number;
  vacuums: number;
}

/** Promises the tables by size, those only that have a row or have had one. */
export async function readTableSizes(pool: Pool): Promise<TableSize[]> {
  const { rows } = await pool.query<TableSize>(
    `select coalesce(whole.relname, part.relname) as table,
            round(sum(pg_total_relation_size(part.relid)) / 1048576.0, 1)::float8 as megabytes,
            sum(n_live_tup)::float8 as live, sum(n_dead_tup)::float8 as dead,
            sum(vacuum_count + autovacuum_count)::float8 as vacuums
       from pg_stat_user_tables as part
       left join pg_inherits on inhrelid = part.relid
       left join pg_class as whole on whole.oid = inhparent
      where schemaname = 'postdate' and part.relname not like 'kysely%'
      group by 1
     having sum(n_tup_ins) > 0
      order by 2 desc, 1`,
  );
  return rows;
}

/** One moment as a line. */
export const sizesLine = (seconds: number, sizes: TableSize[]): string =>
  `after ${seconds} s: ${sizes
    .map(
      ({ table, megabytes, live, dead, vacuums }) =>
        `${table} ${megabytes} MB, ${live} rows, ${dead} dead, ${vacuums} vacuums`,
    )
    .join('; ')}`;
