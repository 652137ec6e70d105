import { createPool } from '../platform/database/pool';
import type { Installation } from './installation';
import { migrateSchemas } from './migrate-schemas';
import { runProcess } from './run-process';

/**
 * Brings the database up to this release, and ends. Only for an installation in which workers and API connect as a role
 * that may not change tables: every worker does the same at its start.
 */
export const runPrepareDatabase = (parts: Installation): Promise<void> =>
  runProcess(async (config, log, signal) => {
    const onError = (error: Error) => log.error({ part: 'database', err: error }, 'database connection lost');
    const pool = createPool(config.databaseUrl, { connections: 2, onError });
    const prepare = async () => {
      try {
        await migrateSchemas(pool, parts, { log, signal });
      } finally {
        await pool.end();
      }
    };
    return { finished: prepare(), stop: () => undefined };
  });
