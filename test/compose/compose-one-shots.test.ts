import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { dropDatabase, withClient } from '../../local/databases';
import { run } from '../../local/processes';
import { findTemporalServer } from '../../local/temporal-server-executables';
import { deployment } from '../support/deployment';
import { useFolder } from '../support/local-process';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const folder = useFolder();
const server = process.env.POSTDATE_TEST_DATABASE_URL as string;
const unique = `postdate_test_${nanoid(12).toLowerCase().replaceAll('-', '_')}`;
const databases = [unique, `${unique}_visibility`];

// The programs by the names that they have in the image.
beforeAll(async () => {
  const { server: temporalServer, sqlTool } = await findTemporalServer({ log: () => undefined });
  await symlink(temporalServer, join(folder.path, 'temporal-server'));
  await symlink(sqlTool, join(folder.path, 'temporal-sql-tool'));
  await symlink(process.env.POSTDATE_TEST_TEMPORAL_CLI as string, join(folder.path, 'temporal'));
});
afterAll(async () => {
  for (const database of databases) await dropDatabase(server, database);
});

/** Runs what a service of docker-compose.yml runs, edited, with its variables and these. */
function runService(name: string, edit: (script: string) => string, variables: NodeJS.ProcessEnv): Promise<string> {
  const { entrypoint = [], command = [], environment } = deployment.services[name] ?? {};
  const [shell = '', ...options] = entrypoint;
  // Compose takes one dollar for a variable of its own.
  const script = edit(`${command[0]}`.replaceAll('$$', '$'));
  const PATH = `${folder.path}:${process.env.PATH}`;
  return run(shell, [...options, script], {
    timeoutMs: 120_000,
    env: { HOME: folder.path, ...environment, ...variables, PATH },
  });
}

it('temporal-schema makes both databases, and changes nothing when it runs again', async () => {
  const { hostname, port, username, password } = new URL(server);
  const variables = { SQL_HOST: hostname, SQL_PORT: port, SQL_USER: username, SQL_PASSWORD: password };
  const prepare = () =>
    runService('temporal-schema', (script) => script.replaceAll('prepare temporal', `prepare ${unique}`), variables);
  const state = () =>
    Promise.all(
      databases.map((name) => {
        const url = new URL(server);
        url.pathname = `/${name}`;
        return withClient(url.href, async (client) => {
          const version = await client.query('select curr_version, creation_time from schema_version');
          const steps = await client.query('select count(*)::int as n from schema_update_history');
          const tables = await client.query(`select count(*)::int as n from pg_tables where schemaname = 'public'`);
          return { version: version.rows, steps: steps.rows[0].n, tables: tables.rows[0].n };
        });
      }),
    );
  await prepare();
  const made = await state();
  for (const { version, tables } of made) {
    expect(version).toEqual([{ curr_version: expect.stringMatching(/^1\.\d+/), creation_time: expect.any(Date) }]);
    expect(tables).toBeGreaterThan(2);
  }
  await prepare();
  expect(await state()).toEqual(made);
}, 300_000);

it('temporal-namespace registers the namespace and waits for it, and does nothing when it is there', async () => {
  const namespace = nanoid().replaceAll('_', '-');
  const describe = () => temporal.connection.workflowService.describeNamespace({ namespace });
  await expect(describe()).rejects.toThrow(/not found/i);
  for (const _time of [1, 2]) {
    await runService('temporal-namespace', (script) => script.replaceAll('default', namespace), {
      TEMPORAL_ADDRESS: temporal.address,
    });
    const { config } = await describe();
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(72 * 3_600);
  }
}, 300_000);

it('the server’s dynamic configuration has only keys that it knows', async () => {
  const file = join(folder.path, 'dynamic-config.yaml');
  const content = deployment.compose.configs['temporal-dynamic-config']?.content ?? '';
  const validate = async (text: string) => {
    await writeFile(file, text);
    return run(join(folder.path, 'temporal-server'), ['validate-dynamic-config', file], { timeoutMs: 60_000 });
  };
  await expect(validate(content)).resolves.not.toMatch(/warn|error/i);
  await expect(validate(content.replace('limit.', 'limits.')).catch(String)).resolves.toMatch(
    /warn|error|unregistered/i,
  );
});
