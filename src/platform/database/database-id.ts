import type { Queryable } from './pool';

// SQLSTATE insufficient_privilege.
const NOT_ALLOWED = '42501';

/**
 * Tells this database from those of other installations: the number of its server's data, and its own number there. A restored dump
 * has another one. A standby and a copy of the server's files have the same. Undefined if this account may not ask.
 */
export async function readDatabaseId(db: Queryable): Promise<string | undefined> {
  try {
    const { rows } = await db.query<{ id: string }>(
      `select (select system_identifier from pg_control_system()) || '.' || oid as id
         from pg_database where datname = current_database()`,
    );
    return rows[0]?.id;
  } catch (error) {
    if ((error as { code?: string }).code === NOT_ALLOWED) return undefined;
    throw error;
  }
}
