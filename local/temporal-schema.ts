import { createDatabase, withClient } from './databases';
import { run } from './processes';

const schemas = {
  main: { database: 'temporal', schema: 'postgresql/v12/temporal' },
  visibility: { database: 'temporal_visibility', schema: 'postgresql/v12/visibility' },
};

// Dozens of statements, each synced to the disk: seconds, and more while a busy disk is shared.
const TIMEOUT_MS = 120_000;

/** Promises that Temporal's two databases are there with the schema that the tool knows, and returns their addresses. */
export async function createTemporalDatabases(
  sqlTool: string,
  serverUrl: string,
): Promise<{ main: string; visibility: string }> {
  const [main, visibility] = await Promise.all([
    createOne(sqlTool, serverUrl, schemas.main),
    createOne(sqlTool, serverUrl, schemas.visibility),
  ]);
  return { main, visibility };
}

/**
 * Promises that a server starts on this database as the only one. The members of one that has ended count as alive for
 * 20 s more, and a new one would try to join them for 30.
 */
export async function forgetMembers(mainUrl: string): Promise<void> {
  await withClient(mainUrl, (client) => client.query('delete from cluster_membership'));
}

async function createOne(sqlTool: string, serverUrl: string, { database, schema }: (typeof schemas)['main']) {
  const url = await createDatabase(serverUrl, database);
  const { hostname, port, username, password } = new URL(url);
  const server = ['--plugin', 'postgres12_pgx', '--ep', hostname, '-p', port, '-u', username, '--pw', password];
  const tool = (...args: string[]) =>
    // The tool also reads SQL_… variables, which may name another database.
    run(sqlTool, [...server, '--db', database, ...args], { timeoutMs: TIMEOUT_MS, env: {} });
  // On a database in use it would set the version back to 0.0.
  if (!(await hasVersion(url))) await tool('setup-schema', '-v', '0.0');
  await tool('update-schema', '--schema-name', schema);
  return url;
}

const hasVersion = (url: string): Promise<boolean> =>
  withClient(url, async (client) => {
    const { rows: tables } = await client.query(`select to_regclass('schema_version') is not null as there`);
    if (!tables[0].there) return false;
    return (await client.query('select from schema_version')).rows.length > 0;
  });
