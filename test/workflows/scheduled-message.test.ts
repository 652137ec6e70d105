import { tsToMs } from '@temporalio/common/lib/time';
import { nanoid } from 'nanoid';
import {
  cancelSignal,
  cancelUpdate,
  type Landed,
  moveSignal,
  moveUpdate,
  wakeSignal,
} from '../../src/message/commands';
import { messageQuery, type ScheduledMessage, WORKFLOW_TASK_QUEUE, workflowIdOf } from '../../src/message/contract';
import type { Decision } from '../../src/message/decision';
import { messageOfMemo } from '../../src/message/memo';
import { wakeAtOf } from '../../src/message/wake';
import { eventually } from '../support/eventually';
import { ledgerInMemory, trouble } from '../support/ledger-in-memory';
import { useTimeSkipping } from '../support/workflow-environment';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const temporal = useTimeSkipping();
const inFuture = async (ms: number) => (await temporal.env.currentTimeMs()) + ms;

async function message(dueInMs: number, fields: Partial<ScheduledMessage> = {}): Promise<ScheduledMessage> {
  const dueAt = Math.round(await inFuture(dueInMs));
  return {
    v: 1,
    topic: 'test.topic',
    tenant: 'acme',
    key: nanoid(),
    cycle: 1,
    dueAt,
    payload: { note: 'n' },
    ...fields,
  };
}

describe('without a command', () => {
  it('is not delivered a minute before it is due, and is delivered when it is', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS);
      const handle = await temporal.start(due);
      await temporal.env.sleep(HOUR_MS - MINUTE_MS);
      expect(ledger.deliveries).toEqual([]);
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 1 });
      expect(ledger.deliveries).toEqual([{ message: due, knowsLanes: true, late: false, wakeAt: due.dueAt }]);
      expect(await deliveryBeganAt(due)).toBeGreaterThanOrEqual(due.dueAt);
    });
  });

  it('is delivered at once and marked late when it was due before it was posted', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const handle = await temporal.start(await message(-DAY_MS));
      expect(await handle.result()).toMatchObject({ outcome: 'delivered' });
      expect(ledger.deliveries).toMatchObject([{ late: true }]);
    });
  });

  it('with a lead wakes early, when its id says: inside the lead, before the guard', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = { ...(await message(HOUR_MS)), leadMs: 10 * MINUTE_MS };
      const handle = await temporal.start(due);
      await handle.result();
      expect(ledger.deliveries).toEqual([{ message: due, knowsLanes: true, late: false, wakeAt: wakeAtOf(due) }]);
      expect(await deliveryBeganAt(due)).toBeGreaterThanOrEqual(wakeAtOf(due));
    });
  });

  it('posted inside its lead goes straight to the hold, without a timer; one posted before it has one', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      for (const [dueInMs, timers] of [
        [9 * MINUTE_MS, 0],
        [11 * MINUTE_MS, 1],
      ] as const) {
        const due = { ...(await message(dueInMs)), leadMs: 10 * MINUTE_MS };
        const handle = await temporal.start(due);
        await handle.result();
        const { events } = await handle.fetchHistory();
        expect(events?.filter((event) => event.timerStartedEventAttributes)).toHaveLength(timers);
      }
      expect(ledger.deliveries.map(({ wakeAt }) => wakeAt === undefined)).toEqual([true, false]);
    });
  });

  it('waits three years in hops of a month, and keeps every field, known or not', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const extra = { futureField: { of: 'a newer release' } };
      const due = { ...(await message(3 * 365 * DAY_MS)), ...extra };
      const handle = await temporal.start(due);
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 1 });
      expect(ledger.deliveries).toEqual([{ message: due, knowsLanes: true, late: false, wakeAt: due.dueAt }]);

      const runs = await runsOf(due);
      expect(runs).toBe(Math.ceil((3 * 365) / 30));
    });
  });

  it('goes on with the next cycle when the handler says "again"', async () => {
    const secondDueAt = Math.round(await inFuture(5 * DAY_MS));
    const ledger = ledgerInMemory(({ cycle }) =>
      cycle === 1
        ? { outcome: 'delivered', next: { cycle: 2, dueAt: secondDueAt } }
        : { outcome: 'skipped', reason: 'paid' },
    );
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS);
      const handle = await temporal.start(due);
      expect(await handle.result()).toMatchObject({ outcome: 'skipped', cycle: 2, reason: 'paid' });
      expect(ledger.deliveries.map((delivery) => delivery.message.cycle)).toEqual([1, 2]);
      expect(await deliveryBeganAt(due)).toBeGreaterThanOrEqual(secondDueAt);
    });
  });

  it('keeps its place in its series, wherever one cycle is moved to', async () => {
    const dueAt = Math.round(await inFuture(HOUR_MS));
    const repeat = { every: 'P1D', startAt: dueAt, at: dueAt, done: 0 };
    const ledger = ledgerInMemory(({ cycle }) =>
      cycle === 2 ? { outcome: 'delivered', next: { cycle: 3, dueAt: dueAt + DAY_MS } } : { outcome: 'delivered' },
    );
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const handle = await temporal.start(await message(0, { dueAt, repeat }));
      await handle.executeUpdate(moveUpdate, { args: [{ commandId: 'm', dueAt: dueAt + 5 * HOUR_MS }] });
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 3 });
      expect(ledger.deliveries.map((delivery) => delivery.message.repeat)).toEqual([
        repeat,
        { ...repeat, at: dueAt + DAY_MS, done: 1 },
      ]);
    });
  });

  it('fails in sight, with the reason, when the delivery failed for good', async () => {
    const ledger = ledgerInMemory(() => ({ outcome: 'failed', reason: 'no such account' }));
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const handle = await temporal.start(await message(HOUR_MS));
      await expect(handle.result()).rejects.toMatchObject({
        cause: { type: 'PostdateDeliveryFailed', message: 'no such account' },
      });
    });
  });

  it('tries a delivery in trouble again until it succeeds', async () => {
    let troubles = 8;
    const ledger = ledgerInMemory(() => {
      if (troubles-- > 0) throw trouble();
      return { outcome: 'delivered' };
    });
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const handle = await temporal.start(await message(HOUR_MS));
      expect(await handle.result()).toMatchObject({ outcome: 'delivered' });
      expect(ledger.deliveries).toHaveLength(9);
    });
  });

  it.each([
    [
      'a due time that is none',
      { v: 1, topic: 'test.topic', tenant: 'acme', key: 'k', cycle: 1, dueAt: 'tomorrow', payload: {} },
    ],
    ['no input at all', undefined],
  ])('fails in sight when it was started by hand with %s', async (_what, input) => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const handle = await temporal.env.client.workflow.start('scheduledMessage', {
        workflowId: `by-hand-${nanoid()}`,
        taskQueue: WORKFLOW_TASK_QUEUE,
        args: input === undefined ? [] : [input],
      });
      await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'PostdateInvalidMessage' } });
    });
  });

  it('at the horizon by another clock waits all the same; days beyond it, it fails in sight', async () => {
    const { activities } = ledgerInMemory();
    await temporal.withWorkers('test.topic', activities, async () => {
      const horizonMs = 20 * 365.25 * DAY_MS;
      const waiting = await temporal.start(await message(horizonMs + HOUR_MS));
      expect(await waiting.query(messageQuery)).toMatchObject({ state: 'waiting' });
      await waiting.terminate();
      const refused = await temporal.start(await message(horizonMs + 2 * DAY_MS));
      await expect(refused.result()).rejects.toMatchObject({ cause: { type: 'PostdateInvalidMessage' } });
    });
  });
});

describe('that became due while no workflow worker was there', () => {
  it('is not delivered if it was cancelled meanwhile, and is delivered if it was not (the control)', async () => {
    const ledger = ledgerInMemory();
    const [cancelled, other] = [await message(-MINUTE_MS), await message(-MINUTE_MS)];
    const [first, second] = [await temporal.start(cancelled), await temporal.start(other)];
    await first.signal(cancelSignal, { commandId: 'c-1' });
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      expect(await first.result()).toMatchObject({ outcome: 'cancelled' });
      expect(await second.result()).toMatchObject({ outcome: 'delivered' });
    });
    expect(ledger.deliveries.map((delivery) => delivery.message.key)).toEqual([other.key]);
  });
});

describe('in a burst', () => {
  const inBurst = { inBurst: true, leadMs: 10 * MINUTE_MS };

  it('sleeps beyond its due time, and wakes by itself within five minutes and ten seconds', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS, inBurst);
      const handle = await temporal.start(due);
      await handle.result();
      expect(ledger.deliveries).toMatchObject([{ message: due, wakeAt: wakeAtOf(due) }]);
      const afterMs = (await deliveryBeganAt(due)) - due.dueAt;
      expect(afterMs).toBeGreaterThanOrEqual(10_000);
      expect(wakeAtOf(due)).toBeLessThan(due.dueAt + 310_000);
    });
  });

  it('is called by the signal wake within its lead, and not before that', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS, inBurst);
      const handle = await temporal.start(due);
      await temporal.env.sleep(HOUR_MS - 20 * MINUTE_MS);
      await handle.signal(wakeSignal);
      await temporal.env.sleep(5 * MINUTE_MS);
      expect(ledger.deliveries).toEqual([]);
      await temporal.env.sleep(10 * MINUTE_MS);
      await handle.signal(wakeSignal);
      await handle.result();
      expect(await deliveryBeganAt(due)).toBeLessThan(due.dueAt);
    });
  });

  /** What a worker sends that has landed it without its workflow. */
  const landed = ({ cycle, dueAt, postId }: ScheduledMessage, fields: Partial<Decision> = {}): Landed => ({
    decision: { cycle, outcome: 'delivered', decidedAt: dueAt, ...fields },
    ...{ dueAt, postId },
  });
  const activitiesOf = async (due: ScheduledMessage) => {
    const { events } = await temporal.env.client.workflow.getHandle(workflowIdOf(due)).fetchHistory();
    return events?.filter((event) => event.activityTaskScheduledEventAttributes).length;
  };

  it('ends with the decision that the signal wake carries, and asks no worker for it', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS, { ...inBurst, postId: 'post-1' });
      const handle = await temporal.start(due);
      await temporal.env.sleep(HOUR_MS + 1_000);
      await handle.signal(wakeSignal, landed(due, { outcome: 'skipped', reason: 'paid' }));
      const decidedAt = new Date(due.dueAt).toISOString();
      expect(await handle.result()).toMatchObject({ outcome: 'skipped', cycle: 1, reason: 'paid', decidedAt });
      expect(await activitiesOf(due)).toBe(0);
      expect(ledger.deliveries).toEqual([]);
    });
  });

  it('fails in sight if that decision says so', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS, inBurst);
      const handle = await temporal.start(due);
      await temporal.env.sleep(HOUR_MS + 1_000);
      await handle.signal(wakeSignal, landed(due, { outcome: 'failed', reason: 'no such account' }));
      await expect(handle.result()).rejects.toMatchObject({
        cause: { type: 'PostdateDeliveryFailed', message: 'no such account' },
      });
      expect(await activitiesOf(due)).toBe(0);
    });
  });

  it.each<[string, (due: ScheduledMessage) => object]>([
    ['of another post', () => ({ postId: 'post-2' })],
    ['of another due time', ({ dueAt }) => ({ dueAt: dueAt - 1 })],
    ['of another cycle', (due) => landed(due, { cycle: 2 })],
    ['from before it was due', (due) => landed(due, { decidedAt: due.dueAt - 1 })],
    ['of a cancel', (due) => landed(due, { outcome: 'cancelled' })],
    ['with a next cycle', (due) => landed(due, { next: { cycle: 2, dueAt: due.dueAt + HOUR_MS } })],
    ['that is none', () => ({ decision: 'delivered' })],
  ])('does not believe a decision %s: it asks for its own', async (_what, fields) => {
    const ledger = ledgerInMemory(() => ({ outcome: 'skipped', reason: 'of the ledger' }));
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS, { ...inBurst, postId: 'post-1' });
      const handle = await temporal.start(due);
      await temporal.env.sleep(HOUR_MS + 1_000);
      await handle.signal(wakeSignal, { ...landed(due), ...fields(due) } as Landed);
      expect(await handle.result()).toMatchObject({ outcome: 'skipped', cycle: 1, reason: 'of the ledger' });
      expect(ledger.deliveries).toMatchObject([{ message: { key: due.key } }]);
    });
  });

  it('does not believe one that comes before it is due, nor one once it has asked: both would hide that it never lands', async () => {
    let away = true;
    const ledger = ledgerInMemory(() => {
      if (away) throw trouble();
      return { outcome: 'skipped', reason: 'of the ledger' };
    });
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const [early, asking] = [await message(HOUR_MS, inBurst), await message(HOUR_MS, inBurst)];
      const [first, second] = [await temporal.start(early), await temporal.start(asking)];
      await temporal.env.sleep(HOUR_MS - MINUTE_MS);
      await first.signal(wakeSignal, landed(early));
      await second.signal(wakeSignal);
      await eventually(async () => expect(new Set(ledger.deliveries.map(({ message: { key } }) => key)).size).toBe(2));
      await temporal.env.sleep(2 * MINUTE_MS);
      await second.signal(wakeSignal, landed(asking));
      away = false;
      for (const handle of [first, second]) {
        expect(await handle.result()).toMatchObject({ outcome: 'skipped', reason: 'of the ledger' });
      }
    });
  });

  it('that no set may fetch believes none: it asks, as ever', async () => {
    const ledger = ledgerInMemory(() => ({ outcome: 'skipped', reason: 'of the ledger' }));
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      // Its wake and its due time are one, so it has no time in which it could be told.
      const due = await message(HOUR_MS);
      const handle = await temporal.start(due);
      await temporal.env.sleep(HOUR_MS - 500);
      await handle.signal(wakeSignal, landed(due));
      expect(await handle.result()).toMatchObject({ outcome: 'skipped', reason: 'of the ledger' });
    });
  });

  it('is called by the signal wake as soon as it is due', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS, inBurst);
      const handle = await temporal.start(due);
      await temporal.env.sleep(HOUR_MS + 1_000);
      expect(ledger.deliveries).toEqual([]);
      await handle.signal(wakeSignal);
      await handle.result();
      expect(await deliveryBeganAt(due)).toBeLessThan(due.dueAt + 10_000);
    });
  });
});

describe('fetched by sets outside of a burst', () => {
  const bySets = { bySets: true, leadMs: 10 * MINUTE_MS };

  it('sleeps beyond its due time, and wakes by itself within five seconds', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS, bySets);
      const handle = await temporal.start(due);
      await handle.result();
      expect(ledger.deliveries).toMatchObject([{ message: due, wakeAt: wakeAtOf(due) }]);
      expect((await deliveryBeganAt(due)) - due.dueAt).toBeGreaterThanOrEqual(2_000);
    });
  });

  it('ends with the decision that the signal wake carries; a cancel before it is obeyed', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      // Of some, the one that sleeps for longest.
      const some = await Promise.all(Array.from({ length: 20 }, () => message(HOUR_MS, bySets)));
      const due = some.sort((one, next) => wakeAtOf(next) - wakeAtOf(one))[0] as ScheduledMessage;
      const cancelled = await message(HOUR_MS, bySets);
      const [handle, other] = [await temporal.start(due), await temporal.start(cancelled)];
      await other.signal(cancelSignal, { commandId: 'c' });
      await temporal.env.sleep(due.dueAt - (await temporal.env.currentTimeMs()));
      const decision = { cycle: 1, outcome: 'delivered' as const, decidedAt: due.dueAt };
      await handle.signal(wakeSignal, { decision, dueAt: due.dueAt });
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 1 });
      expect(await other.result()).toMatchObject({ outcome: 'cancelled' });
      expect(ledger.deliveries).toEqual([]);
    });
  });
});

describe('the memo of a run', () => {
  const memoIn = async (due: ScheduledMessage) => {
    const { memo } = await temporal.env.client.workflow.getHandle(workflowIdOf(due)).describe();
    return memo;
  };

  it('that a client has filled with something else is right after a move', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS);
      const handle = await temporal.start(due, { memo: { cycle: 1, message: 'something else' } });
      await handle.executeUpdate(moveUpdate, { args: [{ commandId: 'm-1', dueAt: due.dueAt + HOUR_MS }] });
      await eventually(async () => expect(await memoIn(due)).toMatchObject({ cycle: 2 }));
      const moved = messageOfMemo((await memoIn(due))?.message, due, due.dueAt);
      expect(moved).toMatchObject({ ...due, cycle: 2, dueAt: due.dueAt + HOUR_MS });
      // So that nothing is left that holds up the server's time.
      await temporal.env.client.workflow.getHandle(workflowIdOf(due)).result();
    });
  });
});

describe('moved', () => {
  it('is not delivered at the old due time but at the later one', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const handle = await temporal.start(await message(HOUR_MS));
      const dueAt = Math.round(await inFuture(3 * HOUR_MS));
      const answer = await handle.executeUpdate(moveUpdate, { args: [{ commandId: 'm', dueAt }] });
      expect(answer).toEqual({ result: 'moved', dueAt: new Date(dueAt).toISOString(), cycle: 2 });
      await temporal.env.sleep(2 * HOUR_MS);
      expect(ledger.deliveries).toEqual([]);
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 2 });
    });
  });

  it('is delivered at the earlier due time, also by a signal and in RFC 3339', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(30 * HOUR_MS);
      const handle = await temporal.start(due);
      const dueAt = new Date(await inFuture(2 * HOUR_MS)).toISOString();
      await handle.signal(moveSignal, { commandId: 'm', dueAt });
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 2 });
      expect(await deliveryBeganAt(due)).toBeLessThan(due.dueAt);
    });
  });

  it('into the past is delivered at once', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(30 * HOUR_MS);
      const handle = await temporal.start(due);
      await handle.executeUpdate(moveUpdate, { args: [{ commandId: 'm', dueAt: due.dueAt - 40 * HOUR_MS }] });
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 2 });
      expect(ledger.deliveries).toMatchObject([{ late: true }]);
    });
  });

  it('to a cycle that it has reached already is told so and stays where it is', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS, { cycle: 4 });
      const handle = await temporal.start(due);
      const late = { commandId: 'm', dueAt: due.dueAt + DAY_MS, cycle: 4 };
      expect(await handle.executeUpdate(moveUpdate, { args: [late] })).toEqual({ result: 'stale', cycle: 4 });
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 4 });
    });
  });

  it('only if the expected cycle is the one that waits', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS, { cycle: 4 });
      const handle = await temporal.start(due);
      const dueAt = Math.round(await inFuture(2 * HOUR_MS));
      for (const expectedCycle of [3, 5]) {
        const answer = await handle.executeUpdate(moveUpdate, {
          args: [{ commandId: nanoid(), dueAt, expectedCycle }],
        });
        expect(answer).toEqual({ result: 'stale', cycle: 4 });
      }
      const answer = await handle.executeUpdate(moveUpdate, { args: [{ commandId: 'm', dueAt, expectedCycle: 4 }] });
      expect(answer).toMatchObject({ result: 'moved', cycle: 5 });
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 5 });
    });
  });

  it('in the last millisecond before the old due time is not delivered at it', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS);
      const handle = await temporal.start(due);
      // The ledger has the move before the timer fires; the workflow hears of it only with the delivery.
      const next = { cycle: 2, dueAt: due.dueAt + DAY_MS };
      const decidedAt = due.dueAt - 1;
      ledger.decisions.set(`${due.key}#1`, { cycle: 1, outcome: 'moved', decidedAt, next, commandId: 'm' });
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 2 });
      expect(await deliveryBeganAt(due)).toBeGreaterThanOrEqual(next.dueAt);
    });
  });

  it('shows the move as its last command, in that run and in the next', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const handle = await temporal.start(await message(HOUR_MS));
      const dueAt = Math.round(await inFuture(3 * HOUR_MS));
      await handle.executeUpdate(moveUpdate, { args: [{ commandId: 'm', dueAt }] });
      await temporal.env.sleep(MINUTE_MS);
      const { lastCommand, message: moved } = await handle.query(messageQuery);
      expect(moved.cycle).toBe(2);
      expect(lastCommand).toMatchObject({ commandId: 'm', answer: { result: 'moved' } });
      await handle.result();
    });
  });

  it('twice with one command id is moved once, on both sides of a continue-as-new', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const handle = await temporal.start(await message(HOUR_MS));
      const dueAt = Math.round(await inFuture(3 * HOUR_MS));
      const first = await handle.executeUpdate(moveUpdate, { args: [{ commandId: 'm', dueAt }], updateId: '1' });
      const repeat = await handle.executeUpdate(moveUpdate, { args: [{ commandId: 'm', dueAt }], updateId: '2' });
      expect(repeat).toEqual(first);
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 2 });
    });
  });
});

describe('moved by a command that only the ledger still remembers', () => {
  it('answers what it answered then, and stays where it is', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS, { cycle: 3 });
      const next = { cycle: 2, dueAt: due.dueAt - DAY_MS };
      const commandId = nanoid();
      ledger.decisions.set(`${due.key}#1`, { cycle: 1, outcome: 'moved', decidedAt: 0, next, commandId });
      const handle = await temporal.start(due);
      const answer = await handle.executeUpdate(moveUpdate, { args: [{ commandId, dueAt: next.dueAt }] });
      expect(answer).toEqual({ result: 'moved', dueAt: new Date(next.dueAt).toISOString(), cycle: 2 });
      expect((await handle.query(messageQuery)).message).toEqual(due);
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 3 });
    });
  });
});

describe('cancelled', () => {
  it('is never delivered', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const handle = await temporal.start(await message(HOUR_MS));
      const answer = await handle.executeUpdate(cancelUpdate, { args: [{ commandId: 'c', reason: 'paid' }] });
      expect(answer).toEqual({ result: 'cancelled' });
      expect(await handle.result()).toMatchObject({ outcome: 'cancelled', reason: 'paid', commandId: 'c' });
      await temporal.env.sleep(2 * HOUR_MS);
      expect(ledger.deliveries).toEqual([]);
    });
  });

  it('by a signal with nothing in it, as from the Web UI, is never delivered', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const handle = await temporal.start(await message(HOUR_MS));
      await handle.signal(cancelSignal.name);
      expect(await handle.result()).toMatchObject({ outcome: 'cancelled' });
      expect(ledger.deliveries).toEqual([]);
    });
  });

  it("by Temporal's own cancel request ends as cancelled in the ledger, too", async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS);
      const handle = await temporal.start(due);
      await handle.cancel();
      expect(await handle.result()).toMatchObject({ outcome: 'cancelled', reason: 'cancellation requested' });
      expect(ledger.decisions.get(`${due.key}#1`)).toMatchObject({ outcome: 'cancelled' });
    });
  });

  it('while its delivery is being retried, ends without waiting for the next retry', async () => {
    const ledger = ledgerInMemory(() => {
      throw trouble();
    });
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const handle = await temporal.start(await message(-MINUTE_MS));
      while ((await handle.query(messageQuery)).state !== 'held') await temporal.env.sleep(100);
      const answer = await handle.executeUpdate(cancelUpdate, { args: [{ commandId: 'c' }] });
      expect(answer).toEqual({ result: 'cancelled' });
      expect(await handle.result()).toMatchObject({ outcome: 'cancelled' });
    });
  });

  it('just after its cycle fired with a next one to come, is stopped in that next cycle', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS);
      const handle = await temporal.start(due);
      const next = { cycle: 2, dueAt: due.dueAt + DAY_MS };
      ledger.decisions.set(`${due.key}#1`, { cycle: 1, outcome: 'delivered', decidedAt: due.dueAt, next });
      const answer = await handle.executeUpdate(cancelUpdate, { args: [{ commandId: 'c' }] });
      expect(answer).toEqual({ result: 'cancelled' });
      expect(await handle.result()).toMatchObject({ outcome: 'cancelled', cycle: 2 });
      expect(ledger.deliveries).toEqual([]);
    });
  });

  it('too late, is told when and how the ledger had decided', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS);
      const handle = await temporal.start(due);
      // Another hand, the sweep for example, has landed it without the workflow.
      const firedAt = new Date().toISOString();
      ledger.decisions.set(`${due.key}#1`, { cycle: 1, outcome: 'delivered', decidedAt: Date.parse(firedAt) });
      const answer = await handle.executeUpdate(cancelUpdate, { args: [{ commandId: 'c' }] });
      expect(answer).toEqual({ result: 'tooLate', outcome: 'delivered', firedAt });
      expect(await handle.result()).toMatchObject({ outcome: 'delivered' });
    });
  });
});

describe('given nonsense', () => {
  it('refuses an update that it cannot obey, naming the field, and is delivered all the same', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS);
      const handle = await temporal.start(due);
      // In words, as JSON writes NaN, without a zone, beyond the horizon.
      for (const dueAt of ['next friday', null, '2099-01-01T00:00:00', '9999-01-01T00:00:00Z']) {
        const update = handle.executeUpdate(moveUpdate, { args: [{ commandId: 'm', dueAt: dueAt as string }] });
        await expect(update).rejects.toMatchObject({
          cause: { type: 'PostdateInvalidMessage', details: [{ field: 'dueAt' }] },
        });
      }
      expect((await handle.query(messageQuery)).message.dueAt).toBe(due.dueAt);
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 1 });
    });
  });

  it('notes signals with unknown names and undecodable payloads, and is delivered all the same', async () => {
    const ledger = ledgerInMemory();
    await temporal.withWorkers('test.topic', ledger.activities, async () => {
      const due = await message(HOUR_MS);
      const handle = await temporal.start(due);
      // Its handlers are registered now; signals that wait for them are dealt with in the handlers' order.
      await handle.query(messageQuery);
      await handle.signal('remind', { to: 'nobody' });
      for (const encoding of ['json/plain', 'binary/unheard-of']) {
        await temporal.env.client.workflowService.signalWorkflowExecution({
          namespace: temporal.env.namespace ?? 'default',
          workflowExecution: { workflowId: handle.workflowId },
          signalName: 'move',
          input: { payloads: [{ metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from('{"dueAt": 12') }] },
        });
      }
      const view = await handle.query(messageQuery);
      expect(view).toMatchObject({ message: due, state: 'waiting', refusals: 3 });
      expect(view.lastRefusal).toContain('dueAt');
      expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 1 });
    });
  });
});

/** When, by the server's skipped time, the last run asked for the delivery. */
async function deliveryBeganAt(due: ScheduledMessage): Promise<number> {
  const history = await temporal.env.client.workflow.getHandle(workflowIdOf(due)).fetchHistory();
  const scheduled = history.events?.find((event) => event.activityTaskScheduledEventAttributes);
  return tsToMs(scheduled?.eventTime);
}

/** How many runs the message took, following each continue-as-new. */
async function runsOf(due: ScheduledMessage): Promise<number> {
  const workflowId = workflowIdOf(due);
  let runs = 0;
  let runId = (await temporal.env.client.workflow.getHandle(workflowId).describe()).runId as string | undefined;
  while (runId) {
    runs += 1;
    const history = await temporal.env.client.workflow.getHandle(workflowId, runId).fetchHistory();
    const previous = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    runId = previous || undefined;
  }
  return runs;
}
