import type { Pool } from 'pg';
import { NAMESPACE } from '../harness/namespace';
import { countOpenWorkflows } from '../harness/temporal-tables';

/** What was behind at one moment. */
export interface Backlog {
  /** Due for a second, and still without its effect. */
  overdue: number;
  /** Its effect is there, but its workflow has not ended. */
  unclosed: number;
}

export async function readBacklog(pool: Pool, temporalDatabase: string, run: string): Promise<Backlog> {
  const { rows } = await pool.query<{ overdue: number; pending: number }>(
    `select count(*) filter (where due_at < now() - interval '1 second')::int as overdue, count(*)::int as pending
       from app.request where run = $1 and status = 'PENDING'`,
    [run],
  );
  const [{ overdue, pending }] = rows as [{ overdue: number; pending: number }];
  // Two looks at a moving thing: one that ends between them must not count as less than nothing.
  const unclosed = Math.max(0, (await countOpenWorkflows(temporalDatabase, NAMESPACE)) - pending);
  return { overdue, unclosed };
}
