import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { migrate, postdateSchema } from '../platform/database/migrate';
import type { Installation } from './installation';

/**
 * Brings Postdate's tables and those of the installation up to date, and logs each wait and each schema. Rejects with an `AbortError`
 * if `signal` is aborted meanwhile.
 */
export async function migrateSchemas(
  pool: Pool,
  { schemas }: Pick<Installation, 'schemas'>,
  { log, signal }: { log: Pick<Logger, 'info' | 'warn'>; signal?: AbortSignal },
): Promise<void> {
  for (const schema of [postdateSchema, ...schemas]) {
    const onWaiting = (reason: string) =>
      log.warn({ part: 'migration', schema: schema.schema, reason }, 'a migration waits');
    await migrate(pool, schema, { onWaiting, signal });
    log.info({ schema: schema.schema }, 'up to date');
  }
}
