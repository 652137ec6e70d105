import { nanoid } from 'nanoid';
import { createDatabase } from '../../local/databases';
import { migrate, postdateSchema } from '../../src/platform/database/migrate';
import { createPool } from '../../src/platform/database/pool';

/** Promises the name of a database with Postdate's tables, of which test files take copies instead of migrating one each. */
export async function makeTemplateDatabase(server: string): Promise<string> {
  const name = `postdate_test_template_${nanoid(12).toLowerCase().replaceAll('-', '_')}`;
  const url = await createDatabase(server, name);
  const pool = createPool(url, { connections: 2, onError: (error) => process.stderr.write(`${error.message}\n`) });
  try {
    await migrate(pool, postdateSchema);
  } finally {
    await pool.end();
  }
  return name;
}
