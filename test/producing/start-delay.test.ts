import { optionalTsToMs } from '@temporalio/common/lib/time';
import { nanoid } from 'nanoid';
import { cancel, describe as describeMessage, move, schedule } from '../../src/client';
import { type ScheduledMessage, workflowIdOf } from '../../src/message/contract';
import { rfc3339 } from '../../src/message/due-time';
import { wakeAtOf } from '../../src/message/wake';
import { startDelayOf } from '../../src/producing/start-delay';
import type { Topic } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, effectTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

describe('the start delay of a message', () => {
  const now = Date.now();
  const topic = { startDelayFromMs: DAY_MS };
  const due = (inMs: number, fields: Partial<ScheduledMessage> = {}) =>
    effectMessage(0, { leadMs: 10_000, ...fields, dueAt: now + inMs });

  it('ends when the message wakes', () => {
    const message = due(2 * DAY_MS);
    expect(startDelayOf(topic, message, now)).toBe(wakeAtOf(message) - now);
  });

  it('is none before the distance that its topic names, and none in a topic that names none', () => {
    expect(startDelayOf(topic, due(DAY_MS - 1), now)).toBeUndefined();
    expect(startDelayOf(topic, due(DAY_MS), now)).toBeDefined();
    expect(startDelayOf({}, due(2 * DAY_MS), now)).toBeUndefined();
  });

  it('is none within its lead, and none in front of a message that sleeps beyond its due time', () => {
    expect(startDelayOf({ startDelayFromMs: 1 }, due(9_000), now)).toBeUndefined();
    expect(startDelayOf({ startDelayFromMs: 1 }, due(11_000), now)).toBeDefined();
    expect(startDelayOf(topic, due(2 * DAY_MS, { inBurst: true }), now)).toBeUndefined();
    expect(startDelayOf(topic, due(2 * DAY_MS, { bySets: true }), now)).toBeUndefined();
  });

  it('is a month at most, as no run sleeps for longer', () => {
    expect(startDelayOf(topic, due(300 * DAY_MS), now)).toBe(30 * DAY_MS);
  });
});

describe('a message with a start delay', () => {
  const database = useDatabase(effectsSchema);
  const temporal = useTemporal();
  const topic: Topic = { ...effectTopic(), leadMs: 1_000, startDelayFromMs: 2_000 };
  const parts = { topics: [topic], consumers: [], schemas: [effectsSchema] };
  const refOf = (key: string) => ({ topic: topic.name, tenant: 'acme', key });
  const handleOf = (key: string) => temporal.client.workflow.getHandle(workflowIdOf(refOf(key)));

  async function post(dueInMs: number, as: Topic = topic): Promise<string> {
    const key = nanoid();
    const dueAt = Date.now() + dueInMs;
    await schedule(temporal.client, { topic: as, tenant: 'acme', key, dueAt, payload: { note: 'n' } as never });
    return key;
  }

  /** For how long the first task of a message was held back, and how many timers its run has started. */
  async function sleepOf(key: string) {
    const { events = [] } = await handleOf(key).fetchHistory();
    const delay = events?.[0]?.workflowExecutionStartedEventAttributes?.firstWorkflowTaskBackoff;
    return {
      delayed: (optionalTsToMs(delay) ?? 0) > 0,
      timers: events?.filter((event) => event.timerStartedEventAttributes).length,
    };
  }

  it('is landed once, not early, and without a timer; one of a topic without start delays has a timer', async () => {
    await temporal.withWorker(database, parts, async () => {
      const [delayed, other] = [await post(4_000), await post(4_000, { ...topic, startDelayFromMs: undefined })];
      for (const key of [delayed, other]) {
        expect(await handleOf(key).result()).toMatchObject({ outcome: 'delivered', cycle: 1 });
        expect(await traces(database.pool, key)).toEqual({ effects: 1, decisions: 1, events: 1 });
      }
      expect(await sleepOf(delayed)).toEqual({ delayed: true, timers: 0 });
      expect(await sleepOf(other)).toEqual({ delayed: false, timers: 1 });
    });
    const { rows } = await database.pool.query(
      `select 1 from postdate.delivery where outcome = 'delivered' and decided_at < due_at`,
    );
    expect(rows).toEqual([]);
  });

  it('is cancelled and moved at once, and is seen as waiting before that', async () => {
    await temporal.withWorker(database, parts, async () => {
      const [cancelled, moved] = [await post(HOUR_MS), await post(HOUR_MS)];
      expect(await describeMessage(temporal.client, refOf(cancelled))).toMatchObject({ state: 'waiting', cycle: 1 });
      expect(await sleepOf(cancelled)).toEqual({ delayed: true, timers: 0 });
      expect(await cancel(temporal.client, refOf(cancelled))).toEqual({ result: 'cancelled' });
      expect(await handleOf(cancelled).result()).toMatchObject({ outcome: 'cancelled' });
      const dueAt = Date.now() + 2_000;
      expect(await move(temporal.client, refOf(moved), { dueAt })).toEqual({
        ...{ result: 'moved', cycle: 2 },
        dueAt: rfc3339(dueAt),
      });
      expect(await handleOf(moved).result()).toMatchObject({ outcome: 'delivered', cycle: 2 });
    });
  });

  it("is ended by Temporal's own cancel, as the Web UI sends it", async () => {
    await temporal.withWorker(database, parts, async () => {
      const key = await post(HOUR_MS);
      await handleOf(key).cancel();
      expect(await handleOf(key).result()).toMatchObject({ outcome: 'cancelled', reason: 'cancellation requested' });
    });
  });

  it('that was cancelled while no worker was there is cancelled as soon as one is', async () => {
    const key = await post(HOUR_MS);
    const answer = await cancel(temporal.client, refOf(key), { deadlineMs: 1_000 });
    expect(answer).toMatchObject({ result: 'requested' });
    await temporal.withWorker(database, parts, () =>
      eventually(async () => {
        expect((await describeMessage(temporal.client, refOf(key)))?.ending).toMatchObject({ outcome: 'cancelled' });
      }),
    );
  });
});
