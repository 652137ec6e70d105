import type { ClientBase } from 'pg';
import { planOf, type Step, type Target } from './plan';
import { readVisibilityTable, type VisibilityTable } from './visibility-index';

/** Why nothing was changed. `busy`: another session changes them at this moment. */
export type Refused = { refused: 'notVisibility' | 'notOwner' | 'busy' };

/** What there is, and what is left to do. */
export async function planIndexes(
  client: ClientBase,
  target: Target,
): Promise<Refused | { table: VisibilityTable; steps: Step[] }> {
  const table = await readVisibilityTable(client);
  if (!table) return { refused: 'notVisibility' };
  return { table, steps: planOf(table, target) };
}

/** The last statement: new indexes on an expression have no statistics yet. */
export const STATISTICS = 'analyze executions_visibility';

/**
 * Changes the indexes one after the other, beside a running server: no statement blocks a reader or a writer. Interrupted at
 * any point, the next run goes on from there. Throws PostgreSQL's error, after which the same holds. `client` must be a
 * session of its own.
 */
export async function changeIndexes(
  client: ClientBase,
  target: Target,
  onChanged: (index: string) => void = () => undefined,
): Promise<Refused | { table: VisibilityTable }> {
  // A build waits for all transactions that are older, however long they last.
  await client.query('set statement_timeout = 0; set lock_timeout = 0; set idle_session_timeout = 0');
  if (!(await lock(client))) return { refused: 'busy' };
  try {
    const plan = await planIndexes(client, target);
    if ('refused' in plan) return plan;
    if (!plan.table.owned) return { refused: 'notOwner' };
    for (const { index, statements } of plan.steps) {
      for (const statement of statements) await client.query(statement);
      onChanged(index);
    }
    if (plan.steps.length > 0) await client.query(STATISTICS);
    const after = await planIndexes(client, target);
    return 'refused' in after ? after : { table: after.table };
  } finally {
    // The session's end frees it too.
    await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [LOCK]).catch(() => undefined);
  }
}

const LOCK = 'postdate visibility-indexes';

async function lock(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    'select pg_try_advisory_lock(hashtextextended($1, 0)) as locked',
    [LOCK],
  );
  return rows[0]?.locked === true;
}
