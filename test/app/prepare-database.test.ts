import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { installation } from '../../app/installation';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { withClient } from '../../local/databases';
import { createPool } from '../../src/platform/database/pool';
import { eventually } from '../support/eventually';
import { runLocal, succeeded, useFolder } from '../support/local-process';
import { useOwnedDatabase } from '../support/owned-database';
import { useTemporal } from '../support/temporal';

useFolder();
const temporal = useTemporal();
const owned = useOwnedDatabase({ postdate_app: 'login' });

it('told to stop while it waits for another process, it ends well and has changed nothing', async () => {
  await withClient(owned.as('owner'), async (client) => {
    await client.query(`select pg_advisory_lock(hashtextextended('postdate.migrate', 0))`);
    const waiting = runLocal('app/prepare-database.ts', { env: { DATABASE_URL: owned.as('owner') } });
    await waiting.prints(/a migration waits/);
    waiting.signal('SIGTERM');
    await succeeded(waiting);
    expect((await client.query(`select 1 from pg_namespace where nspname = 'postdate'`)).rows).toEqual([]);
  });
});

it('the owner prepares the database; with the rights of docs/deploy.md workers run that can change no table', async () => {
  for (const _time of [1, 2]) {
    const prepared = runLocal('app/prepare-database.ts', { env: { DATABASE_URL: owned.as('owner') } });
    await succeeded(prepared);
  }
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'deploy.md'), 'utf8');
  const [, grants = ''] = /```sql\n(grant usage .*?)```/s.exec(page) ?? [];
  await withClient(owned.as('owner'), (client) =>
    client.query(grants.replaceAll('postdate_app', owned.names.postdate_app)),
  );

  const database = { url: owned.as('postdate_app') };
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
