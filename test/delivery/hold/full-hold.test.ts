import { setTimeout as pause } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import fc from 'fast-check';
import { waitForPlaceMs } from '../../../src/delivery/hold/retry-later';
import type { ScheduledMessage } from '../../../src/message/contract';
import { done, type Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, effectTopic, groupTopic, traces } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { type TestHold, useHolds } from '../../support/hold';

const database = useDatabase(effectsSchema);
const startHold = useHolds(database);

const once = { effects: 1, decisions: 1, events: 1 };
const named = (topic: Topic, name: string): Topic => ({ ...topic, name });
const heldKeys = async () => (await database.pool.query('select key from postdate.held')).rows.map(({ key }) => key);

/** Has a message delivered as Temporal does: again after each pause that an answer names. Returns the pauses. */
async function deliverUntilLanded(worker: TestHold, topic: Topic, message: ScheduledMessage): Promise<number[]> {
  const pauses: number[] = [];
  for (;;) {
    try {
      await worker.deliver(topic, message);
      return pauses;
    } catch (error) {
      // A message that never gets a place would have the test go on for ever.
      if (!(error instanceof ApplicationFailure) || pauses.length === 8) throw error;
      pauses.push(error.nextRetryDelay as number);
      await pause(error.nextRetryDelay as number);
    }
  }
}

describe('a hold that is full of messages of one tenant that are due later', () => {
  it('takes what is due soon, of any topic and tenant, as an empty one does; the other comes again, and lands', async () => {
    const topic = groupTopic();
    const other = named(groupTopic(), 'test.other');
    const worker = await startHold([topic, other], { heldMessages: 5 });
    const due = (): ScheduledMessage => effectMessage(600, { topic: other.name, tenant: 'globex', leadMs: 0 });
    expect(await deliverUntilLanded(worker, other, due())).toEqual([]);

    const later = Array.from({ length: 5 }, (_, place) => effectMessage(6_000 + place, { leadMs: 3_600_000 }));
    const laters = later.map((message) => deliverUntilLanded(worker, topic, message));
    await eventually(async () => expect(await heldKeys()).toHaveLength(5));
    const soon = due();
    expect(await deliverUntilLanded(worker, other, soon)).toEqual([]);
    expect(await traces(database.pool, soon.key)).toMatchObject({ effects: 1, decisions: 1 });
    expect(
      (await database.pool.query('select 1 from postdate.delivery where key = any($1)', [later.map(({ key }) => key)]))
        .rowCount,
    ).toBe(0);

    const pauses = await Promise.all(laters);
    // The latest made room, and came again a time or two.
    expect(pauses.slice(0, 4)).toEqual([[], [], [], []]);
    expect(pauses[4]?.length).toBeGreaterThan(0);
    expect(pauses[4]?.length).toBeLessThanOrEqual(3);
    for (const { key } of later) expect(await traces(database.pool, key)).toEqual(once);
    await eventually(async () => expect(await heldKeys()).toEqual([]));
    expect(worker.errors).toEqual([]);
  });

  it('sends back what is due later still, to come again before it is due, and keeps its own', async () => {
    const topic = groupTopic();
    const worker = await startHold([topic], { heldMessages: 1 });
    const held = worker.deliver(topic, effectMessage(60_000, { leadMs: 600_000 })).catch((error) => error);
    await expect(worker.deliver(topic, effectMessage(90_000, { leadMs: 600_000 }))).rejects.toMatchObject({
      type: 'PostdateNotDue',
      nonRetryable: false,
      nextRetryDelay: expect.any(Number),
    });
    await expect(Promise.race([held, 'still held'])).resolves.toBe('still held');
    await worker.leave();
    await expect(held).resolves.toMatchObject({ type: 'PostdateHandedBack' });
  });

  it('gives places of one instant to each tenant', async () => {
    const topic = groupTopic();
    const worker = await startHold([topic], { heldMessages: 4 });
    const dueAt = Date.now() + 1_500;
    const acme = Array.from({ length: 4 }, () => worker.deliver(topic, effectMessage(0, { dueAt, leadMs: 5_000 })));
    const globex = worker.deliver(topic, effectMessage(0, { dueAt, leadMs: 5_000, tenant: 'globex' }));
    // The control: a fifth of the same tenant has no place.
    await expect(worker.deliver(topic, effectMessage(0, { dueAt, leadMs: 5_000 }))).rejects.toThrow('again');
    expect((await Promise.allSettled(acme)).map(({ status }) => status).sort()).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
    expect(await globex).toMatchObject({ outcome: 'delivered' });
  });
});

describe('a hold that is full of due messages', () => {
  /** A topic whose handlers do not come back before they are released. */
  function blockedTopic() {
    let release: (() => void) | undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const blocked = { handled: 0, release: () => release?.() };
    const topic: Topic = {
      ...effectTopic(async () => {
        blocked.handled += 1;
        await released;
        return done;
      }),
      handlerTimeoutMs: 20_000,
    };
    return { topic, blocked };
  }

  it('of a slow topic, takes those of another tenant and lands them at once', async () => {
    const { topic: slow, blocked } = blockedTopic();
    const quick = named(groupTopic(), 'test.other');
    const worker = await startHold([slow, quick], { heldMessages: 8, groupSize: 1 });
    const backlog = Array.from({ length: 8 }, () => effectMessage(-1));
    const landings = backlog.map((message) => deliverUntilLanded(worker, slow, message));
    await eventually(async () => expect(blocked.handled).toBe(2));
    const beside = effectMessage(-1, { topic: quick.name, tenant: 'globex' });
    expect(await deliverUntilLanded(worker, quick, beside)).toEqual([]);
    expect(blocked.handled).toBe(2);
    blocked.release();
    // The one of the backlog that made room has waited a second or so, and all land.
    const pauses = (await Promise.all(landings)).flat();
    expect(pauses.length).toBeGreaterThan(0);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(750);
    for (const { key } of backlog) expect(await traces(database.pool, key)).toEqual(once);
  });

  it('answers an attempt whose message has landed without it, and has the others wait', async () => {
    const { topic, blocked } = blockedTopic();
    const free = await startHold([groupTopic()]);
    const landed = effectMessage(-1);
    const decision = await free.deliver(groupTopic(), landed);
    const worker = await startHold([topic], { heldMessages: 1 });
    const holder = worker.deliver(topic, effectMessage(-1));
    await eventually(async () => expect(blocked.handled).toBe(1));
    expect(await worker.deliver(topic, landed)).toEqual(decision);
    await expect(worker.deliver(topic, effectMessage(-1))).rejects.toMatchObject({ type: 'PostdateNotDue' });
    expect(blocked.handled).toBe(1);
    blocked.release();
    expect(await holder).toMatchObject({ outcome: 'delivered' });
  });
});

it('a message without a place waits for a second at least, and comes before it is due', () => {
  fc.assert(
    fc.property(fc.integer({ min: -(10 ** 12), max: 10 ** 12 }), fc.string(), (inMs, key) => {
      const waitMs = waitForPlaceMs({ message: effectMessage(0, { key }), late: false }, inMs);
      expect(waitMs).toBeGreaterThanOrEqual(750);
      expect(waitMs).toBeLessThanOrEqual(inMs > 0 ? 750_000 : 37_500);
      if (inMs >= 2_000) expect(waitMs).toBeLessThan(inMs);
    }),
  );
});
