import fc from 'fast-check';
import { nanoid } from 'nanoid';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { closeRequest, extendRequest, findRequest, insertRequest } from '../../app/payment-requests/rows';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { createWithdraw } from '../../src/activities/withdraw';
import { land } from '../../src/delivery/landing/landing';
import type { ScheduledMessage } from '../../src/message/contract';
import type { Decision } from '../../src/message/decision';
import { runAudit } from '../../src/operating/audit/audit';
import { runActivity } from '../support/activity';
import { useDatabase } from '../support/database';
import { failedBefore } from './failed-before';

const database = useDatabase(paymentsSchema);

const SEQUENCES = Number(process.env.POSTDATE_MODEL_RUNS ?? 500);
const HOUR_MS = 3_600_000;
// Due already, or not for as long as a run takes; nothing in between, or the model would have to guess.
const DUE_IN_MS = [-2 * HOUR_MS, -HOUR_MS, HOUR_MS, 2 * HOUR_MS];

type Told = Pick<Decision, 'cycle' | 'outcome' | 'next' | 'commandId'>;
/** A decision, and whose message it was about: the first post named its cycle, later ones are known by their own id. */
type Decided = Told & { postId?: string };

/** All that may be known of one payment request and its message. */
interface Model {
  message: { cycle: number; dueAt: number; postId?: string };
  row: { status: string; cycle: number; dueAt: number };
  decisions: Map<number, Decided>;
}
interface Real {
  ref: { tenant: string; id: string };
  startedAt: number;
}
type Command = fc.AsyncCommand<Model, Real>;

const told = ({ cycle, outcome, next, commandId }: Decision): Told => ({ cycle, outcome, next, commandId });
const messageOf = ({ ref }: Real, { cycle, dueAt, postId }: Model['message']): ScheduledMessage => ({
  v: 1,
  topic: paymentRequestExpiry.name,
  tenant: ref.tenant,
  key: ref.id,
  cycle,
  dueAt,
  payload: {},
  postId,
});

function decide(model: Model, decision: Told): Told {
  model.decisions.set(decision.cycle, { ...decision, postId: model.message.postId });
  return decision;
}
/** What the ledger says to the present message of what it has: a row of another post only sends it on. */
function saidOf({ message, decisions }: Model, found: Decided | undefined): Told | undefined {
  const { cycle, dueAt, postId } = message;
  const anothers = found?.cycle === cycle && postId !== undefined && found.postId !== postId;
  if (found && anothers) return { cycle, outcome: 'moved', next: { cycle: Math.max(...decisions.keys()) + 1, dueAt } };
  return found && { cycle: found.cycle, outcome: found.outcome, next: found.next, commandId: found.commandId };
}
/** As the workflow does: it goes on with what the ledger says of its present cycle. */
function obey(model: Model, { cycle, next }: Told): void {
  if (next && cycle === model.message.cycle) model.message = { ...model.message, ...next };
}
const ofCommand = ({ decisions }: Model, commandId: string) =>
  [...decisions.values()].find((decision) => decision.commandId === commandId);

const command = (name: string, run: Command['run']): Command => ({ check: () => true, run, toString: () => name });

function expectedDelivery(model: Model, { startedAt }: Real): Told | 'not due' {
  const { message, row, decisions } = model;
  const known = saidOf(model, decisions.get(message.cycle));
  if (known) return known;
  if (message.dueAt > startedAt) return 'not due';
  const { cycle } = message;
  if (row.status !== 'PENDING') return decide(model, { cycle, outcome: 'skipped' });
  if (row.cycle <= cycle && row.dueAt < startedAt) {
    row.status = 'EXPIRED';
    return decide(model, { cycle, outcome: 'delivered' });
  }
  return decide(model, { cycle, outcome: 'delivered', next: { cycle: cycle + 1, dueAt: row.dueAt } });
}

const deliver = command('deliver', async (model, real) => {
  const [landing] = await land(database.pool, paymentRequestExpiry, [
    { message: messageOf(real, model.message), late: false },
  ]);
  const expected = expectedDelivery(model, real);
  if (expected === 'not due') return expect(landing).toHaveProperty('notDueForMs');
  const { decision } = landing as { decision: Decision };
  expect(told(decision)).toEqual({ next: undefined, commandId: undefined, ...expected });
  obey(model, expected);
});

/** A worker that dies between its effect and its commit, as far as the database can tell. */
const crash = command('crash', async (model, real) => {
  const dying = {
    ...paymentRequestExpiry,
    landAll: undefined,
    handle: async (...args: Parameters<typeof paymentRequestExpiry.handle>) => {
      await paymentRequestExpiry.handle(...args);
      throw new Error('killed');
    },
  };
  const [landing] = await land(database.pool, dying, [{ message: messageOf(real, model.message), late: false }]);
  const decided = model.decisions.has(model.message.cycle);
  const due = model.message.dueAt <= real.startedAt;
  expect(Object.keys(landing as object)).toContain(decided ? 'decision' : due ? 'error' : 'notDueForMs');
});

/** A hop or a restart: nothing but the message as JSON is left. */
const hop = command('hop', async (model) => {
  model.message = JSON.parse(JSON.stringify(model.message));
});

const withdraw = (kind: 'cancel' | 'move', commandId: string, dueInMs: number) =>
  command(`${kind} ${commandId} ${dueInMs / HOUR_MS} h`, async (model, real) => {
    const message = messageOf(real, model.message);
    const dueAt = real.startedAt + dueInMs;
    const activities = createWithdraw({ pool: database.pool });
    const decision =
      kind === 'cancel'
        ? await runActivity(activities.cancel, { message, command: { commandId } })
        : await runActivity(activities.move, { message, command: { commandId, dueAt } });
    const { cycle } = message;
    const expected =
      saidOf(model, ofCommand(model, commandId) ?? model.decisions.get(cycle)) ??
      decide(
        model,
        kind === 'cancel'
          ? { cycle, outcome: 'cancelled', commandId }
          : { cycle, outcome: 'moved', commandId, next: { cycle: cycle + 1, dueAt } },
      );
    expect(told(decision)).toEqual({ next: undefined, commandId: undefined, ...expected });
    obey(model, expected);
  });

/** Once it has ended, by a producer that leaves the cycle to the ledger; Temporal has forgotten the one before. */
const postAgain = (dueInMs: number): Command => ({
  check: ({ message, decisions }) => {
    const last = decisions.get(message.cycle);
    return last !== undefined && last.next === undefined;
  },
  async run(model, { startedAt }) {
    model.message = { cycle: 1, dueAt: startedAt + dueInMs, postId: nanoid() };
  },
  toString: () => `post again, due in ${dueInMs / HOUR_MS} h`,
});

const close = (status: 'PAID' | 'CANCELLED') =>
  command(status, async ({ row }, { ref }) => {
    const closed = await closeRequest(database.pool, ref, status);
    expect(closed !== undefined).toBe(row.status === 'PENDING');
    if (closed) row.status = status;
  });

const extend = (dueInMs: number) =>
  command(`extend ${dueInMs / HOUR_MS} h`, async ({ row }, { ref, startedAt }) => {
    const extended = await extendRequest(database.pool, ref, startedAt + dueInMs);
    expect(extended !== undefined).toBe(row.status === 'PENDING');
    if (extended) Object.assign(row, { cycle: row.cycle + 1, dueAt: startedAt + dueInMs });
  });

const dueIn = fc.constantFrom(...DUE_IN_MS);
// Few ids, so that commands are repeated, also as the other kind and in other cycles.
const commandIds = fc.constantFrom('a', 'b', 'c');
const commands = fc.commands(
  [
    fc.constant(deliver),
    fc.constant(deliver),
    fc.constant(crash),
    fc.constant(hop),
    fc
      .tuple(fc.constantFrom('cancel' as const, 'move' as const, 'move' as const), commandIds, dueIn)
      .map((args) => withdraw(...args)),
    fc.constantFrom('PAID' as const, 'CANCELLED' as const).map(close),
    dueIn.map(extend),
    dueIn.map(postAgain),
  ],
  { maxCommands: 12 },
);

/** What is left when a sequence is over: the ledger has the model's decisions, and one expired event or none. */
async function check({ row, decisions }: Model, { ref }: Real): Promise<void> {
  const { rows } = await database.pool.query(
    `select (select jsonb_object_agg(cycle, outcome) from postdate.delivery where key = $1) as outcomes,
            (select count(*)::int from postdate.outbox where aggregateid = 'acme/' || $1
                and type = 'payment-request.expired') as expired`,
    [ref.id],
  );
  const outcomes = decisions.size
    ? Object.fromEntries([...decisions].map(([cycle, { outcome }]) => [cycle, outcome]))
    : null;
  expect(rows[0]).toEqual({ outcomes, expired: row.status === 'EXPIRED' ? 1 : 0 });
  expect(await findRequest(database.pool, ref)).toMatchObject({ status: row.status, cycle: row.cycle });
}

const sequence = fc.asyncProperty(commands, dueIn, async (sequenceOf, dueInMs) => {
  const startedAt = Date.now();
  const ref = { tenant: 'acme', id: nanoid() };
  const dueAt = startedAt + dueInMs;
  await insertRequest(database.pool, { ...ref, payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' }, dueAt);
  const model: Model = {
    message: { cycle: 1, dueAt },
    row: { status: 'PENDING', cycle: 1, dueAt },
    decisions: new Map(),
  };
  const real = { ref, startedAt };
  await fc.asyncModelRun(() => ({ model, real }), sequenceOf);
  await check(model, real);
});

it(`ledger, row and events follow the model over ${SEQUENCES} sequences of commands`, async () => {
  await fc.assert(sequence, {
    numRuns: SEQUENCES,
    seed: Number(process.env.POSTDATE_MODEL_SEED ?? Date.now() % 2 ** 31),
  });
  // Whatever was posted is somewhere.
  const { topics } = await runAudit(database.pool, [paymentRequestExpiry]);
  expect(topics[0]?.tenants).toMatchObject([{ tenant: 'acme', gap: 0 }]);
}, 900_000);

for (const { seed, path } of failedBefore.ledger) {
  it(`a sequence that once failed follows the model: seed ${seed}, path ${path}`, async () => {
    await fc.assert(sequence, { seed, path, endOnFailure: true });
  });
}
