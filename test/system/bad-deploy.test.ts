import { Worker } from '@temporalio/worker';
import { nanoid } from 'nanoid';
import { installation } from '../../app/installation';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { findRequest } from '../../app/payment-requests/rows';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { cancel, describe as describeMessage, schedule } from '../../src/client';
import { createRecovery } from '../../src/maintenance/recovery';
import { WORKFLOW_TASK_QUEUE, workflowIdOf } from '../../src/message/contract';
import { DEFAULT_LEAD_MS } from '../../src/message/wake';
import { runAudit } from '../../src/operating/audit/audit';
import { findFailed } from '../../src/operating/redrive/failed';
import { findStuckMessages } from '../../src/operating/stuck';
import type { MessageStatus } from '../../src/producing/message-status';
import { PermanentFailure, type Topic } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { effectsSchema, groupTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { runLocal, useFolder } from '../support/local-process';
import { useOwnTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema, paymentsSchema);
const temporal = useOwnTemporal();
useFolder();
const PATIENCE_MS = 120_000;
const once = { effects: 1, decisions: 1, events: 1 };

/** A topic with a lead has a roll call before its messages are due; one without is looked after when they are overdue. */
const withLead: Topic = { ...groupTopic(), name: 'test.with-lead' };
const withoutLead: Topic = { ...groupTopic({}, { leadMs: 0 }), name: 'test.without-lead' };
const goodRelease = <Result>(during: () => Promise<Result>) =>
  temporal.withWorker(database, { topics: [withLead, withoutLead], consumers: [], schemas: [] }, during);

/** The same release of everything, but for workflows that begin with a command which no message has in its history. */
async function badWorkflowRelease<Result>(during: () => Promise<Result>): Promise<Result> {
  const create = Worker.create.bind(Worker);
  const spy = jest.spyOn(Worker, 'create').mockImplementation((options) => {
    // A bundle would go before the path.
    const changed = { workflowBundle: undefined, workflowsPath: require.resolve('../support/changed-workflows') };
    return create(options.taskQueue === WORKFLOW_TASK_QUEUE ? { ...options, ...changed } : options);
  });
  try {
    return await goodRelease(during);
  } finally {
    spy.mockRestore();
  }
}

const refsOf = ({ name: topic }: Topic) => Array.from({ length: 10 }, () => ({ topic, tenant: 'acme', key: nanoid() }));
type Ref = ReturnType<typeof refsOf>[number];
const post = (topic: Topic, refs: Ref[], dueAt: number) =>
  Promise.all(
    refs.map(({ tenant, key }) =>
      schedule(temporal.client, { topic, tenant, key, dueAt, payload: { note: 'n' } as never }),
    ),
  );
const historyOf = async (ref: Ref) =>
  (await temporal.client.workflow.getHandle(workflowIdOf(ref)).fetchHistory()).events ?? [];
const asleep = (refs: Ref[]) =>
  eventually(async () => {
    for (const ref of refs)
      expect((await historyOf(ref)).some((event) => event.timerStartedEventAttributes)).toBe(true);
  });
const failedTasks = async (ref: Ref) =>
  (await historyOf(ref)).filter((event) => event.workflowTaskFailedEventAttributes).length;
async function reasonsOf({ name: topic }: Topic) {
  const reasons: string[] = [];
  for await (const { why } of findStuckMessages(temporal.client, { topic, graceMs: 1 })) reasons.push(why);
  return reasons;
}

it('workflow code that no sleeping message can replay: its tasks fail, the rollback comes, and all are delivered once', async () => {
  const [held, unheld, cancelled] = [refsOf(withLead), refsOf(withoutLead), refsOf(withoutLead).slice(0, 1)];
  let dueAt = 0;
  await goodRelease(async () => {
    const startedAt = Date.now();
    await post(withoutLead, cancelled, startedAt + 3_600_000);
    await asleep(cancelled);
    // Far enough for the others to fall asleep, and for the worker to be replaced meanwhile, as the first one showed.
    dueAt = Date.now() + DEFAULT_LEAD_MS + 5_000 + 10 * (Date.now() - startedAt);
    await post(withLead, held, dueAt);
    await post(withoutLead, unheld, dueAt);
    await asleep([...held, ...unheld]);
  });
  expect(Date.now()).toBeLessThan(dueAt - DEFAULT_LEAD_MS);

  await badWorkflowRelease(async () => {
    // Before its task has failed, and after: nobody can say now what becomes of it, and it is not forgotten.
    const [ref] = cancelled as [Ref];
    const command = { commandId: 'cancel-in-trouble', deadlineMs: 1_000 };
    expect(await cancel(temporal.client, ref, command)).toMatchObject({ result: 'requested' });
    await eventually(async () => expect(await failedTasks(ref)).toBeGreaterThan(0));
    expect(await cancel(temporal.client, ref, command)).toMatchObject({ result: 'requested' });
    for (const one of [...held, ...unheld]) {
      await eventually(async () => expect(await failedTasks(one)).toBeGreaterThan(0));
    }
    // Nor does the sweep begin it again and again: new runs would fail at the same place.
    const run = await describeMessage(temporal.client, ref);
    expect(await createRecovery(temporal.client).reset(run as MessageStatus)).toBe(false);
    // The roll call and the sweep read messages, not workflows: they land all the same.
    for (const { key } of [...held, ...unheld]) {
      await eventually(async () => expect(await traces(database.pool, key)).toEqual(once));
    }
    // The workflows wait, are tried again, and say why.
    await eventually(async () => expect(await reasonsOf(withoutLead)).toEqual(Array(10).fill('workflowFails')));
  });

  await goodRelease(async () => {
    for (const ref of [...held, ...unheld]) {
      await eventually(async () => {
        const known = await describeMessage(temporal.client, ref);
        expect(known).toMatchObject({ state: 'ended', ending: { outcome: 'delivered', cycle: 1 } });
      }, PATIENCE_MS);
    }
    await eventually(async () => {
      const known = await describeMessage(temporal.client, cancelled[0] as Ref);
      expect(known).toMatchObject({ state: 'ended', ending: { outcome: 'cancelled' } });
    }, PATIENCE_MS);
  });
  for (const { key } of [...held, ...unheld]) expect(await traces(database.pool, key)).toEqual(once);
  const early = await database.pool.query(
    `select 1 from postdate.delivery where outcome = 'delivered' and decided_at < due_at`,
  );
  expect(early.rowCount).toBe(0);
}, 300_000);

describe('a bad release of a handler', () => {
  const people = { payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
  const badRelease = <Result>(error: Error, during: () => Promise<Result>) => {
    const topic: Topic = {
      ...paymentRequestExpiry,
      landAll: undefined,
      async handle() {
        throw error;
      },
    };
    return temporal.withWorker(database, { ...installation, topics: [topic] }, during);
  };
  const rollback = <Result>(during: () => Promise<Result>) => temporal.withWorker(database, installation, during);

  async function request(dueAt: number) {
    const refs = Array.from({ length: 10 }, () => ({ tenant: 'acme', id: nanoid() }));
    const service = createPaymentRequests({ pool: database.pool });
    for (const ref of refs) await service.request({ ...ref, ...people }, dueAt);
    return refs;
  }
  const statusesOf = (refs: { tenant: string; id: string }[]) =>
    Promise.all(refs.map(async (ref) => (await findRequest(database.pool, ref))?.status));
  const all = <Value>(value: Value) => Array(10).fill(value);
  const toldOf = async (refs: { id: string }[], type: string) => {
    const told = `select 1 from postdate.outbox where type = $1 and aggregateid = any($2)`;
    return (await database.pool.query(told, [type, refs.map(({ id }) => `acme/${id}`)])).rowCount;
  };

  it('that fails for good: all end as failed, the rollback comes, and redrive has each of them tried again', async () => {
    const refs = await badRelease(new PermanentFailure('bad deploy'), async () => {
      const posted = await request(Date.now() - 1);
      for (const { tenant, id: key } of posted) {
        const ref = { topic: paymentRequestExpiry.name, tenant, key };
        const ending = { outcome: 'failed', reason: 'bad deploy' };
        await eventually(async () => expect(await describeMessage(temporal.client, ref)).toMatchObject({ ending }));
      }
      expect(await toldOf(posted, 'postdate.failed')).toBe(10);
      return posted;
    });
    expect(await statusesOf(refs)).toEqual(all('PENDING'));
    const kinds = (await runAudit(database.pool, [paymentRequestExpiry])).differences.map(({ kind }) => kind);
    expect(kinds).toEqual(all('rowWaitsThoughDecided'));

    await rollback(async () => {
      const env = { DATABASE_URL: database.url, ...temporal.env() };
      const wanted = ['--topic', paymentRequestExpiry.name, '--reason', 'bad deploy'];
      const record = ['--by', 'Anna', '--because', 'rolled back'];
      const redrive = runLocal('app/cli.ts', { args: ['redrive', ...wanted, ...record], env });
      expect(await redrive.exitCode).toBe(0);
      expect(redrive.printed().match(/^redriven/gm)).toHaveLength(10);
      await eventually(async () => expect(await statusesOf(refs)).toEqual(all('EXPIRED')));
    });
    expect(await toldOf(refs, 'payment-request.expired')).toBe(10);
    expect(await findFailed(database.pool, { topic: paymentRequestExpiry.name }, 100)).toEqual([]);
    expect(await runAudit(database.pool, [paymentRequestExpiry])).toMatchObject({ sound: true });
  });

  it('that throws: nothing is decided, and after the rollback all land once by themselves', async () => {
    const refs = await badRelease(new Error('bad deploy'), async () => {
      const posted = await request(Date.now() - 1);
      await eventually(async () => expect(await reasonsOf(paymentRequestExpiry)).toEqual(all('handlerFails')));
      return posted;
    });
    expect(await statusesOf(refs)).toEqual(all('PENDING'));

    await rollback(async () => {
      await eventually(async () => expect(await statusesOf(refs)).toEqual(all('EXPIRED')), PATIENCE_MS);
    });
    expect(await toldOf(refs, 'payment-request.expired')).toBe(10);
    expect(await toldOf(refs, 'postdate.failed')).toBe(0);
    expect(await runAudit(database.pool, [paymentRequestExpiry])).toMatchObject({ sound: true });
  }, 300_000);
});
