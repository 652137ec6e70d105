import { withClient } from '../../local/databases';

export interface TableSize {
  table: string;
  bytes: number;
}

/** Promises the bytes on disk of each table with its indexes and TOAST, after a vacuum, the largest first. */
export function tableSizes(databaseUrl: string): Promise<TableSize[]> {
  return withClient(databaseUrl, async (client) => {
    await client.query('vacuum');
    const { rows } = await client.query<{ table: string; bytes: string }>(
      `select relname as table, pg_total_relation_size(oid) as bytes
         from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
        order by 2 desc`,
    );
    return rows.map(({ table, bytes }) => ({ table, bytes: Number(bytes) }));
  });
}

/** Promises how many timers of workflows wait in the server's main database: each sleeping message has one. */
export function countTimers(databaseUrl: string, namespace: string): Promise<number> {
  return countIn(databaseUrl, 'timer_info_maps where true', namespace);
}

/** Promises how many workflows have not ended, by the server's main database, which unlike visibility does not lag. */
export function countOpenWorkflows(databaseUrl: string, namespace: string): Promise<number> {
  // enumsspb.WorkflowExecutionState: 1 created, 2 running, 3 completed.
  return countIn(databaseUrl, 'current_executions where state < 3', namespace);
}

// The server runs workflows of its own in another namespace.
const countIn = (databaseUrl: string, what: string, namespace: string): Promise<number> =>
  withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `select count(*)::int as count from ${what} and namespace_id = (select id from namespaces where name = $1)`,
      [namespace],
    );
    return rows[0]?.count ?? 0;
  });
