import type { Pool } from 'pg';
import PgBoss from 'pg-boss';

/** Promises a pg-boss that works on this pool, so that queue and effects share as many connections as others have. */
export function bossOn(pool: Pick<Pool, 'query'>, options: Pick<PgBoss.ConstructorOptions, 'supervise'> = {}): PgBoss {
  return new PgBoss({
    ...options,
    db: { executeSql: (text, values) => pool.query(text, values) },
    // No cron jobs here.
    schedule: false,
  });
}
