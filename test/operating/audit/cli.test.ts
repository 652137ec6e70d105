import { nanoid } from 'nanoid';
import { insertRequest } from '../../../app/payment-requests/rows';
import { paymentsSchema } from '../../../app/payment-requests/schema';
import { useDatabase } from '../../support/database';
import { runLocal, useFolder } from '../../support/local-process';

const database = useDatabase(paymentsSchema);
// Ends what is left of the processes.
useFolder();

async function postdate(args: string[], env: NodeJS.ProcessEnv = { DATABASE_URL: database.url }) {
  const cli = runLocal('app/cli.ts', { args, env });
  return { code: await cli.exitCode, printed: cli.printed() };
}

it('postdate audit ends with 0 when all is sound, and with 1 and the ids when it is not', async () => {
  const sound = await postdate(['audit']);
  expect(sound).toMatchObject({ code: 0, printed: expect.stringContaining('nothing is missing') });
  const id = nanoid();
  const request = { tenant: 'acme', id, payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
  await insertRequest(database.pool, request, Date.now() - 120_000);
  const overdue = await postdate(['audit', '--json']);
  expect(overdue.code).toBe(1);
  expect(JSON.parse(overdue.printed)).toMatchObject({
    sound: false,
    differences: [{ kind: 'overdue', id: `acme/${id}` }],
  });
});

it('postdate audit --verify ends with 1 when a sealed day has changed', async () => {
  await database.pool.query(
    `insert into postdate.ledger_day (day, decisions, hash) values (current_date - 5, 7, 'of rows that are gone')`,
  );
  const { code, printed } = await postdate(['audit', '--verify']);
  expect({ code, printed }).toMatchObject({ code: 1, printed: expect.stringContaining('sealed with 7 decisions') });
});

it('what is wrong with a call or its environment is said, with exit code 2', async () => {
  expect(await postdate(['audit'], {})).toMatchObject({ code: 2, printed: expect.stringContaining('DATABASE_URL') });
  const unknown = await postdate(['audti']);
  expect(unknown).toMatchObject({ code: 2, printed: expect.stringContaining('unknown command') });
});
