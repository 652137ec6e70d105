import { nanoid } from 'nanoid';
import { installation } from '../../app/installation';
import { insertRequest } from '../../app/payment-requests/rows';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { describe as describeMessage, list, schedule } from '../../src/client';
import { findFailed } from '../../src/operating/redrive/failed';
import { inTransaction } from '../../src/platform/database/pool';
import { PermanentFailure } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { effectsSchema, effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { runLocal, useFolder } from '../support/local-process';
import { useTemporal } from '../support/temporal';
import { CTRL_C, cursorAfter, itOnTerminal, leftOn, onTerminal } from '../support/terminal';

const database = useDatabase(effectsSchema, paymentsSchema);
const temporal = useTemporal();
// Ends what is left of the processes.
useFolder();
const topic = effectTopic(() => {
  throw new PermanentFailure('bad deploy');
});
const parts = { topics: [topic], consumers: [], schemas: [] };
const OF_EFFECTS = 'test/cli/effects-program.ts';
const OF_PAYMENTS = 'app/cli.ts';
const env = () => ({ DATABASE_URL: database.url, ...temporal.env() });
const run = (file: string, args: string[], redirected?: string) => onTerminal(file, args, { env: env(), redirected });

/** Three messages of a tenant's own that have failed, as `tenant/key`, in the order of their failures. */
const failedOnes = (tenant: string): Promise<string[]> =>
  temporal.withWorker(database, parts, async () => {
    for (const key of [nanoid(), nanoid(), nanoid()]) {
      await schedule(temporal.client, { topic, tenant, key, dueAt: Date.now() - 1, payload: { note: 'n' } });
    }
    return eventually(async () => {
      const failed = await findFailed(database.pool, { topic: topic.name, tenant }, 10);
      expect(failed).toHaveLength(3);
      // Decided, each is still to end: until then it waits.
      for (const message of failed) {
        expect(await describeMessage(temporal.client, message)).toMatchObject({ state: 'failed' });
      }
      return failed.map(({ key }) => `${tenant}/${key}`);
    });
  });
const redriving = (tenant: string, perSecond = '2') => [
  ...['redrive', '--topic', topic.name, '--tenant', tenant],
  ...['--by', 'Anna', '--because', 'fixed', '--per-second', perSecond],
];

itOnTerminal('redriving draws a bar, with each answer above it, and leaves the answers only', async () => {
  const failed = await failedOnes('acme');
  const answers = failed.map((message) => `redriven  ${message}`);
  // Slowly, as it is to be seen in the middle of it on any machine.
  const drawn = run(OF_EFFECTS, redriving('acme', '0.5'));
  await drawn.prints(/redriving =+-+ 1 of 3/);
  expect(cursorAfter(drawn.printed())).toBe('hidden');
  expect(await drawn.ended).toBe(0);
  expect(drawn.printed()).toMatch(/redriving =+-+ 2 of 3/);
  expect(leftOn(drawn.printed())).toEqual(answers);
  expect(cursorAfter(drawn.printed())).toBe('shown');

  // Where nobody looks there is none: in a pipe, with its standard error elsewhere, and in what other programs read.
  const piped = runLocal(OF_EFFECTS, { args: redriving('acme'), env: env() });
  expect(await piped.ended).toBe(0);
  expect(piped.printed()).toBe(answers.map((answer) => `${answer}\n`).join(''));
  const apart = run(OF_EFFECTS, redriving('acme'), '2> /dev/null');
  expect(await apart.ended).toBe(0);
  expect(apart.printed().trimEnd().split('\r\n').slice(1)).toEqual(answers);
  const json = run(OF_EFFECTS, [...redriving('acme'), '--json']);
  expect(await json.ended).toBe(0);
  expect(JSON.parse(json.printed().slice(json.printed().indexOf('[')))).toHaveLength(3);
});

itOnTerminal('work that fails takes its bar with it, and the error is what is read', async () => {
  const [first, second] = await failedOnes('globex');
  const key = second?.slice('globex/'.length);
  await database.pool.query(`alter table postdate.redrive add constraint of_this_test check (key <> '${key}')`);
  const failing = run(OF_EFFECTS, redriving('globex'));
  expect(await failing.ended).toBe(2);
  expect(failing.printed()).toMatch(/redriving =+-+ 1 of 3/);
  expect(leftOn(failing.printed())).toEqual([`redriven  ${first}`, expect.stringMatching(/^error: .*of_this_test/)]);
  expect(cursorAfter(failing.printed())).toBe('shown');
});

itOnTerminal('Ctrl-C ends long work as ever, and gives the cursor back', async () => {
  const [first] = await failedOnes('initech');
  const interrupted = run(OF_EFFECTS, redriving('initech', '0.2'));
  await interrupted.prints(/redriving =+-+ 1 of 3/);
  interrupted.types(CTRL_C);
  // What a shell says of a program that SIGINT has ended.
  expect(await interrupted.ended).toBe(130);
  expect(leftOn(interrupted.printed())).toEqual([`redriven  ${first}`]);
  expect(cursorAfter(interrupted.printed())).toBe('shown');
});

itOnTerminal('reconciling draws how many rows it has gone through, and how many it has ended', async () => {
  const people = { payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
  for (const id of ['pr-1', 'pr-2', 'pr-3']) {
    await insertRequest(database.pool, { tenant: 'acme', id, ...people }, Date.now() + 3_600_000);
  }
  const lines = (what: string) => [1, 2, 3].map((one) => `${what}  payment-request.expiry  acme/pr-${one}`);
  const starting = run(OF_PAYMENTS, ['reconcile', '--per-second', '4']);
  expect(await starting.ended).toBe(1);
  expect(starting.printed()).toMatch(/rows of payment-request\.expiry =+-+ 2 of 3/);
  expect(leftOn(starting.printed())).toEqual(lines('started '));

  await database.pool.query('delete from payments.payment_request');
  await eventually(async () => {
    const waiting = [];
    for await (const { key } of list(temporal.client, { tenant: 'acme', state: 'waiting' })) waiting.push(key);
    expect(waiting.filter((key) => key.startsWith('pr-'))).toHaveLength(3);
  });
  // With a worker, as without one each cancel waits for its answer.
  const ending = await temporal.withWorker(database, installation, async () => {
    const ended = run(OF_PAYMENTS, ['reconcile', '--per-second', '4']);
    expect(await ended.ended).toBe(1);
    return ended;
  });
  expect(ending.printed()).toMatch(/without a row, of payment-request\.expiry =+-+ 2 of 3/);
  expect(leftOn(ending.printed()).sort()).toEqual(lines('ended   '));
});

itOnTerminal('an audit draws how many topics, or sealed days, it has gone through', async () => {
  await database.pool.query(
    `insert into postdate.ledger_day (day, decisions, hash) values (current_date - 5, 7, 'of rows that are gone')`,
  );
  for (const [args, bar, report, code] of [
    [['audit'], /topics -+ 0 of 1/, /nothing is missing/, 0],
    [['audit', '--verify'], /sealed days -+ 0 of 1/, /sealed with 7 decisions/, 1],
  ] as const) {
    const auditing = run(OF_PAYMENTS, [...args]);
    // Both read the ledger, and wait for whoever has it alone.
    await inTransaction(database.pool, async (tx) => {
      await tx.query('lock table postdate.delivery in access exclusive mode');
      await auditing.prints(bar);
    });
    expect(await auditing.ended).toBe(code);
    const left = leftOn(auditing.printed()).join('\n');
    expect(left).toMatch(report);
    expect(left).not.toMatch(bar);
  }
});
