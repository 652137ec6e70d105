import { setTimeout as pause } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import { createWithdraw } from '../../src/activities/withdraw';
import type { ScheduledMessage } from '../../src/message/contract';
import type { Decision } from '../../src/message/decision';
import { runActivity } from '../support/activity';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, effectTopic, traces } from '../support/effects';
import { type TestHold, useHolds } from '../support/hold';

const database = useDatabase(effectsSchema);
const startHold = useHolds(database);
let worker: TestHold;
beforeAll(async () => {
  worker = await startHold([]);
});
const topic = effectTopic();
const deliver = (message: ScheduledMessage): Promise<Decision> => worker.deliver(topic, message);
const activities = () => createWithdraw({ pool: database.pool });
const cancel = (message: ScheduledMessage, commandId = nanoid()) =>
  runActivity(activities().cancel, { message, command: { commandId } });

it('a move that the ledger cannot take is refused for good, and a cancel after it is recorded', async () => {
  const message = effectMessage(60_000, { cycle: 2_147_483_647 });
  const moved = runActivity(activities().move, { message, command: { commandId: 'm', dueAt: Date.now() } });
  await expect(moved).rejects.toMatchObject({
    type: 'PostdateInvalidMessage',
    nonRetryable: true,
    details: [{ code: 'invalidCycle' }],
  });
  expect(await cancel(message, 'c')).toMatchObject({ outcome: 'cancelled', cycle: 2_147_483_647 });
});

describe('a cancel', () => {
  it('before the delivery decides: the delivery has no effect and answers "cancelled"', async () => {
    const message = effectMessage(-1_000);
    expect(await cancel(message, 'c')).toMatchObject({ outcome: 'cancelled', commandId: 'c' });
    expect(await deliver(message)).toMatchObject({ outcome: 'cancelled', commandId: 'c' });
    expect(await traces(database.pool, message.key)).toEqual({ effects: 0, decisions: 1, events: 0 });
  });

  it('after the delivery learns when it fired, and changes nothing', async () => {
    const message = effectMessage(-1_000);
    const delivered = await deliver(message);
    expect(await cancel(message)).toEqual(delivered);
    expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  });

  it('with a reason that PostgreSQL cannot store as it is, is recorded all the same', async () => {
    const message = effectMessage(1_000);
    const command = { commandId: 'c', reason: `no\0pe${'!'.repeat(5_000)}` };
    const decision = await runActivity(activities().cancel, { message, command });
    expect(decision).toMatchObject({ outcome: 'cancelled', reason: expect.stringMatching(/^no\ufffdpe!+$/) });
  });

  it('racing with the delivery has one winner, which both name, and the effect is there just when it was delivered', async () => {
    const winners = new Set<string>();
    // Until each side has won, or this was no race; chance decides, so by far more rounds than it ever takes.
    for (let round = 0; round < 60 || (winners.size < 2 && round < 2_000); round += 1) {
      const message = effectMessage(-1_000);
      const racers = [() => deliver(message), () => cancel(message)].map(async (race) => {
        await pause(Math.random() * 10);
        return race();
      });
      const [one, two] = (await Promise.all(racers)) as [Decision, Decision];
      expect(one).toEqual(two);
      const effects = one.outcome === 'delivered' ? 1 : 0;
      expect(await traces(database.pool, message.key)).toEqual({ effects, decisions: 1, events: effects });
      winners.add(one.outcome);
    }
    expect([...winners].sort()).toEqual(['cancelled', 'delivered']);
  });
});

describe('a move', () => {
  const move = (message: ScheduledMessage, commandId: string, cycle?: number) =>
    runActivity(activities().move, { message, command: { commandId, dueAt: message.dueAt + 60_000, cycle } });

  it('burns the cycle and names the next one, which is its own to deliver', async () => {
    const message = effectMessage(-1_000);
    const moved = await move(message, 'm');
    expect(moved).toMatchObject({ outcome: 'moved', next: { cycle: 2, dueAt: message.dueAt + 60_000 } });
    expect(await deliver(message)).toEqual(moved);
    expect(await deliver({ ...message, cycle: 2 })).toMatchObject({ outcome: 'delivered', cycle: 2 });
    expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 2, events: 1 });
  });

  it('may skip cycles, but never lead back', async () => {
    expect((await move(effectMessage(1_000), 'm', 7)).next?.cycle).toBe(7);
    await expect(move(effectMessage(1_000, { cycle: 7 }), 'm', 7)).rejects.toMatchObject({ code: '23514' });
  });

  it('repeated in a later cycle is recognised by its command id, and moves nothing more', async () => {
    const message = effectMessage(1_000);
    const moved = await move(message, 'm');
    expect(await move({ ...message, cycle: 2 }, 'm')).toEqual(moved);
    expect(await traces(database.pool, message.key)).toMatchObject({ decisions: 1 });
  });
});
