import { WorkflowNotFoundError } from '@temporalio/client';
import fc from 'fast-check';
import { nanoid } from 'nanoid';
import { cancelUpdate, moveSignal, moveUpdate } from '../../src/message/commands';
import type { ScheduledMessage } from '../../src/message/contract';
import { ledgerInMemory } from '../support/ledger-in-memory';
import { useTimeSkipping } from '../support/workflow-environment';
import { failedBefore } from './failed-before';

let temporal: ReturnType<typeof useTimeSkipping>;
const SEQUENCES = Number(process.env.POSTDATE_MODEL_WORKFLOW_RUNS ?? 60);
const HOUR_MS = 3_600_000;
const TOPIC = 'test.topic';

/** The message as it should stand; once it has ended, with how. */
interface Model {
  cycle: number;
  dueAt: number;
  ended?: 'delivered' | 'cancelled';
  applied: Map<string, unknown>;
}
type Real = { handle: Awaited<ReturnType<typeof temporal.start>> };
type Command = fc.AsyncCommand<Model, Real>;
const command = (name: string, run: Command['run']): Command => ({ check: () => true, run, toString: () => name });

const now = () => temporal.env.currentTimeMs();
// A message whose time has come is delivered as soon as time may pass.
async function settle(model: Model, { handle }: Real): Promise<void> {
  if (model.ended || model.dueAt > (await now())) return;
  model.ended = 'delivered';
  await handle.result();
}

const toldTooLate = async (update: Promise<unknown>) => {
  const answer = await update.catch((error) => {
    if (error instanceof WorkflowNotFoundError) return { result: 'tooLate' };
    throw error;
  });
  expect(answer).toMatchObject({ result: 'tooLate' });
};

const move = (inMs: number, commandId: string) =>
  command(`move ${inMs / HOUR_MS} h by ${commandId}`, async (model, real) => {
    const dueAt = Math.round(await now()) + inMs;
    const update = real.handle.executeUpdate(moveUpdate, { args: [{ commandId, dueAt }], updateId: nanoid() });
    if (model.ended) return toldTooLate(update);
    const answer = await update;
    expect(answer).toEqual(
      model.applied.get(commandId) ?? { result: 'moved', dueAt: new Date(dueAt).toISOString(), cycle: model.cycle + 1 },
    );
    if (!model.applied.has(commandId)) Object.assign(model, { dueAt, cycle: model.cycle + 1 });
    model.applied.set(commandId, answer);
    await settle(model, real);
  });

const cancel = command('cancel', async (model, { handle }) => {
  const update = handle.executeUpdate(cancelUpdate, { args: [{ commandId: nanoid() }] });
  if (model.ended === 'delivered') return toldTooLate(update);
  if (model.ended) return void (await update.catch(() => undefined));
  expect(await update).toEqual({ result: 'cancelled' });
  model.ended = 'cancelled';
});

const garbage = command('garbage', async ({ ended }, { handle }) => {
  if (ended) return;
  await handle.signal('no-such-signal', { anything: 1 });
  await handle.signal(moveSignal, { commandId: '', dueAt: 'next friday' });
});

const sleep = (ms: number) =>
  command(`sleep ${ms / HOUR_MS} h`, async (model, real) => {
    await temporal.env.sleep(ms);
    await settle(model, real);
  });

const commands = fc.commands(
  [
    fc
      .tuple(
        fc.constantFrom(-5, 1, 30, 900).map((hours) => hours * HOUR_MS),
        fc.constantFrom('a', 'b', 'c', 'd'),
      )
      .map((args) => move(...args)),
    fc.constant(cancel),
    fc.constant(garbage),
    // Also over hops of thirty days.
    fc.constantFrom(0.4, 7, 800).map((hours) => sleep(hours * HOUR_MS)),
  ],
  { maxCommands: 8 },
);

const sequence = (ledger: ReturnType<typeof ledgerInMemory>) =>
  fc.asyncProperty(commands, fc.constantFrom(2, 50, 2_000), async (sequenceOf, hours) => {
    const dueAt = Math.round(await now()) + hours * HOUR_MS;
    const message: ScheduledMessage = {
      v: 1,
      topic: TOPIC,
      tenant: 'acme',
      key: nanoid(),
      cycle: 1,
      dueAt,
      payload: {},
    };
    const real: Real = { handle: await temporal.start(message) };
    const model: Model = { cycle: 1, dueAt, applied: new Map() };
    await fc.asyncModelRun(() => ({ model, real }), sequenceOf);

    const outcome = model.ended ?? 'delivered';
    expect(await real.handle.result()).toMatchObject({ outcome, cycle: model.cycle });
    const delivered = ledger.deliveries.filter((delivery) => delivery.message.key === message.key);
    expect(delivered.map((delivery) => [delivery.message.cycle, delivery.message.dueAt])).toEqual(
      outcome === 'delivered' ? [[model.cycle, model.dueAt]] : [],
    );
  });

// A sequence may skip ten years, and the server's calendar ends with the year 9999: it is a new one every so often.
const SEQUENCES_PER_SERVER = 250;
const servers = Array.from({ length: Math.ceil(SEQUENCES / SEQUENCES_PER_SERVER) }, (_, index) => ({
  from: index * SEQUENCES_PER_SERVER + 1,
  to: Math.min(SEQUENCES, (index + 1) * SEQUENCES_PER_SERVER),
}));

describe('the workflow follows the model', () => {
  describe.each(servers)('over sequences $from to $to of moves, cancels, nonsense and sleep', ({ from, to }) => {
    const own = useTimeSkipping();
    it('in every step', async () => {
      temporal = own;
      const ledger = ledgerInMemory();
      await temporal.withWorkers(TOPIC, ledger.activities, async () => {
        const seed = Number(process.env.POSTDATE_MODEL_SEED ?? Date.now() % 2 ** 31);
        await fc.assert(sequence(ledger), { numRuns: to - from + 1, seed });
      });
    }, 900_000);
  });

  describe('over sequences that once failed', () => {
    const own = useTimeSkipping();
    it.each(failedBefore.workflow)('seed $seed, path $path', async (failed) => {
      temporal = own;
      const ledger = ledgerInMemory();
      await temporal.withWorkers(TOPIC, ledger.activities, () =>
        fc.assert(sequence(ledger), { ...failed, endOnFailure: true }),
      );
    });
  });
});
