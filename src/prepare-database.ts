import { createPool } from './database';
import type { Installation } from './installation';
import { migrate, postdateSchema } from './migrate';
import { runProcess } from './process';

/**
 * Brings the database up to this release, and ends: for an installation whose workers and API connect as a role that may not
 * change tables. Others need it not, as every worker does the same when it starts.
 */
export const runPrepareDatabase = ({ schemas }: Installation): Promise<void> =>
  runProcess(async (config, log) => {
    const onError = (error: Error) => log.error({ part: 'database', err: error }, 'database connection lost');
    const pool = createPool(config.databaseUrl, { connections: 2, onError });
    const prepare = async () => {
      try {
        for (const schema of [postdateSchema, ...schemas]) {
          await migrate(pool, schema);
          log.info({ schema: schema.schema }, 'up to date');
        }
      } finally {
        await pool.end();
      }
    };
    return { finished: prepare(), stop: () => undefined };
  });
