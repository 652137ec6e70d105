import { nanoid } from 'nanoid';
import type { Pool } from 'pg';
import { createDatabase, dropDatabase } from '../../local/databases';
import { migrate, type SchemaMigrations } from '../../src/platform/database/migrate';
import { createPool } from '../../src/platform/database/pool';
import { timed } from './times';

export interface TestDatabase {
  url: string;
  pool: Pool;
}

/** A database of the test file's own, with Postdate's tables and the given ones; dropped when the file is done. */
export function useDatabase(...schemas: SchemaMigrations[]): TestDatabase {
  const database = {} as TestDatabase;
  const server = process.env.POSTDATE_TEST_DATABASE_URL as string;
  const name = `postdate_test_${nanoid(12).toLowerCase().replaceAll('-', '_')}`;

  let dropped = false;

  beforeAll(async () => {
    const template = process.env.POSTDATE_TEST_DATABASE_TEMPLATE;
    database.url = await timed('database', () => createDatabase(server, name, { template }));
    database.pool = createPool(database.url, {
      connections: 20,
      // Dropping the database ends connections that are still on their way out.
      onError: (error) => dropped || process.stderr.write(`test database: ${error.message}\n`),
    });
    for (const schema of schemas) await migrate(database.pool, schema);
  });
  afterAll(async () => {
    dropped = true;
    await database.pool.end();
    await dropDatabase(server, name);
  });
  return database;
}
