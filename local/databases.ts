import { Client } from 'pg';

/**
 * Promises that the database exists, also if another process creates it at this moment, and returns its address. It is
 * made as a copy of `template`, to which no session may be connected.
 */
export async function createDatabase(
  url: string,
  name: string,
  { template = 'template1' }: { template?: string } = {},
): Promise<string> {
  await withClient(url, async (client) => {
    try {
      const names = [name, template].map((one) => client.escapeIdentifier(one));
      await client.query(`CREATE DATABASE ${names[0]} TEMPLATE ${names[1]}`);
    } catch (error) {
      // 42P04 duplicate_database; 23505 is how PostgreSQL says the same when both created it at one moment.
      if (!['42P04', '23505'].includes((error as { code?: string }).code ?? '')) throw error;
    }
  });
  const address = new URL(url);
  address.pathname = `/${encodeURIComponent(name)}`;
  return address.href;
}

/** Promises that the database is gone, and with it the connections that were open to it. */
export async function dropDatabase(url: string, name: string): Promise<void> {
  await withClient(url, (client) =>
    client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`),
  );
}

/** Promises what `use` returns for one connection of its own, which is closed afterwards. */
export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  // A server that hangs in recovery accepts the connection and then says nothing; without a limit we would wait too.
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // The query itself reports a connection that breaks; a second report without a listener would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end();
  }
}
