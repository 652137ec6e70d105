import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { installation } from '../../app/installation';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { createDatabase, dropDatabase, withClient } from '../../local/databases';
import { createPool } from '../../src/platform/database/pool';
import { eventually } from '../support/eventually';
import { runLocal, useFolder } from '../support/local-process';
import { useTemporal } from '../support/temporal';

useFolder();
const temporal = useTemporal();
const server = process.env.POSTDATE_TEST_DATABASE_URL as string;
const unique = nanoid(12).toLowerCase().replaceAll('-', '_');
const [name, owner, app] = [`postdate_test_${unique}`, `postdate_owner_${unique}`, `postdate_app_${unique}`];
let url: string;

const asRole = (role: string) => Object.assign(new URL(url), { username: role, password: 'secret' }).href;

beforeAll(async () => {
  url = await createDatabase(server, name);
  await withClient(server, async (client) => {
    for (const role of [owner, app]) await client.query(`create role ${role} login password 'secret'`);
    await client.query(`alter database ${name} owner to ${owner}`);
  });
});
afterAll(async () => {
  await dropDatabase(server, name);
  await withClient(server, (client) => client.query(`drop role ${owner}; drop role ${app}`));
});

it('the owner prepares the database; with the rights of docs/deploy.md workers run that can change no table', async () => {
  for (const _time of [1, 2]) {
    const prepared = runLocal('app/prepare-database.ts', { env: { DATABASE_URL: asRole(owner) } });
    expect({ exitCode: await prepared.exitCode, printed: prepared.printed() }).toMatchObject({ exitCode: 0 });
  }
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'deploy.md'), 'utf8');
  const [, grants = ''] = /```sql\n(grant usage .*?)```/s.exec(page) ?? [];
  await withClient(asRole(owner), (client) => client.query(grants.replaceAll('postdate_app', app)));

  const database = { url: asRole(app) };
  const pool = createPool(database.url, { connections: 5, onError: () => undefined });
  try {
    await expect(pool.query('create table postdate.mine ()')).rejects.toMatchObject({ code: '42501' });
    await expect(pool.query('drop table postdate.delivery')).rejects.toMatchObject({ code: '42501' });
    await temporal.withWorker(database, installation, async () => {
      const request = { tenant: 'acme', id: nanoid(), payer: 'D', payee: 'J', amount: '1.00', currency: 'EUR' };
      await createPaymentRequests({ pool }).request(request, new Date(Date.now() + 500));
      const state = async () => {
        const { rows } = await pool.query('select status from payments.payment_request where id = $1', [request.id]);
        return rows[0]?.status;
      };
      await eventually(async () => expect(await state()).toBe('EXPIRED'));
      await eventually(async () => {
        const { rows } = await pool.query('select 1 from postdate.outbox where position is null');
        expect(rows).toEqual([]);
      });
    });
  } finally {
    await pool.end();
  }
}, 300_000);
