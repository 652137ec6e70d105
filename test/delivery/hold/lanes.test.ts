import { MockActivityEnvironment } from '@temporalio/testing';
import { createDeliver } from '../../../src/activities/deliver';
import { createHeartbeater } from '../../../src/delivery/hold/heartbeater';
import { changeLane } from '../../../src/delivery/lanes/change-lane';
import type { LaneMode } from '../../../src/delivery/lanes/lane';
import type { Delivery, InLane, ScheduledMessage } from '../../../src/message/contract';
import type { Decision } from '../../../src/message/decision';
import { PermanentFailure, type Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, effectTopic, traces } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { landsAtOnce, type TestHold, useHolds } from '../../support/hold';
import { quietLogger } from '../../support/quiet-runtime';

const database = useDatabase(effectsSchema);
const startAny = useHolds(database);
const heartbeater = createHeartbeater();

// One for each test: what its workers leave, and their lanes, are of no other's concern.
let topic: Topic;
let tests = 0;
beforeEach(() => {
  tests += 1;
  topic = { ...effectTopic(), name: `test.lanes-${tests}`, leadMs: 0 };
});

const change = (mode: LaneMode, tenants = ['acme']) =>
  changeLane(
    database.pool,
    { topic: topic.name, lane: 'canary', what: 'set', author: 'the test', reason: 'acme first' },
    { mode, rules: [{ tenants }] },
  );
const startCanary = (fields: Partial<Topic> = {}) => startAny([{ ...topic, ...fields }], {}, { lane: 'canary' });
const known = (count: number) =>
  eventually(async () => {
    const { rowCount } = await database.pool.query('select 1 from postdate.worker where topics @> array[$1]', [
      topic.name,
    ]);
    expect(rowCount).toBe(count);
  });

const heldBy = ({ worker }: TestHold, { key }: ScheduledMessage) =>
  eventually(async () => {
    const held = await database.pool.query('select 1 from postdate.held where key = $1 and worker = $2', [key, worker]);
    expect(held.rowCount).toBe(1);
  });

/** As the workflow asks: by one who knows lanes. */
const ask = (
  worker: TestHold,
  message: ScheduledMessage,
  fields: Partial<Delivery> = {},
  of: Topic = topic,
): Promise<Decision | InLane> =>
  new MockActivityEnvironment({}, { logger: quietLogger }).run(
    createDeliver({
      topic: of,
      hold: worker.hold,
      heartbeater,
      runClosed: async () => undefined,
      commandsFirst: landsAtOnce,
    }) as (one: Delivery) => Promise<Decision | InLane>,
    { message, late: false, knowsLanes: true, ...fields },
  );

const message = (dueInMs: number, fields: Partial<ScheduledMessage> = {}) =>
  effectMessage(dueInMs, { topic: topic.name, ...fields });

async function landingOf({ key }: ScheduledMessage) {
  const { rows } = await eventually(async () => {
    const found = await database.pool.query(
      'select outcome, lane, lane_reason, decided_at >= due_at as in_time from postdate.delivery where key = $1',
      [key],
    );
    expect(found.rowCount).toBe(1);
    return found;
  });
  expect((await traces(database.pool, key)).decisions).toBe(1);
  return rows[0];
}

const inCanary = { outcome: 'delivered', lane: 'canary', lane_reason: 'acme first', in_time: true };
const inStable = { outcome: 'delivered', lane: 'stable', lane_reason: null, in_time: true };

it('a message goes to the lane of its rule, whose worker lands it without being asked; others stay with stable', async () => {
  await change('live');
  const canary = await startCanary();
  await known(1);
  const stable = await startAny([topic]);
  const [chosen, other] = [message(2_000), message(2_000, { tenant: 'globex' })];
  const others = ask(stable, other);
  expect(await ask(stable, chosen)).toEqual({ lane: 'canary' });
  expect(await landingOf(chosen)).toEqual(inCanary);
  expect(await landingOf(other)).toEqual(inStable);
  expect(await others).toMatchObject({ outcome: 'delivered' });
  // The lane's own attempt, which comes by Temporal's queue, finds the decision.
  expect(await ask(canary, chosen)).toMatchObject({ outcome: 'delivered' });
  expect(canary.reported.laneLanded).toEqual([[topic.name, 'canary']]);
});

it('who asks and knows no lanes has it landed by stable', async () => {
  await startCanary();
  await change('live');
  await known(1);
  const stable = await startAny([topic]);
  const chosen = message(1_000);
  expect(await ask(stable, chosen, { knowsLanes: undefined })).toMatchObject({ outcome: 'delivered' });
  expect(await landingOf(chosen)).toMatchObject({ lane: 'stable' });
});

it('a lane that nobody serves leaves everything to stable, which says why', async () => {
  await change('live');
  const stable = await startAny([topic]);
  const chosen = message(1_000);
  expect(await ask(stable, chosen)).toMatchObject({ outcome: 'delivered' });
  expect(await landingOf(chosen)).toEqual({ ...inStable, lane_reason: 'canary has no live worker' });
  expect(stable.reported.laneFellBack).toEqual([[topic.name, 'canary', 'notServed', 1]]);
});

it.each([
  ['throws', async () => Promise.reject(new Error('it is broken'))],
  ['ends it as failed', async () => Promise.reject(new PermanentFailure('no such account'))],
  ['answers with what is no answer', async () => ({ do: 'perhaps' }) as never],
])('what a lane %s stable lands, and it counts against the lane', async (_, handle) => {
  await change('live');
  const canary = await startCanary({ handle });
  await known(1);
  const stable = await startAny([topic]);
  const chosen = message(2_000);
  expect(await ask(stable, chosen)).toEqual({ lane: 'canary' });
  await heldBy(canary, chosen);
  await expect(ask(canary, chosen, {}, { ...topic, handle })).rejects.toMatchObject({
    type: 'PostdateLaneFailed',
    nonRetryable: true,
  });
  expect(await landingOf(chosen)).toEqual({ ...inStable, lane_reason: 'canary did not land it' });
  expect(await traces(database.pool, chosen.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  expect(canary.reported.laneFailed).toEqual([[topic.name, 'canary']]);
  // Its workflow turns to stable, and hears what was decided.
  expect(await ask(stable, chosen, { cameBackFrom: 'canary' })).toMatchObject({ outcome: 'delivered' });
});

it('what is held follows a change of the rules, to the lane and back', async () => {
  await startCanary();
  await change('live', ['globex']);
  await known(1);
  const stable = await startAny([topic]);
  const [moved, back] = [message(6_000), message(6_000)];
  const answers = [ask(stable, moved), ask(stable, back)];
  const heldIn = (lane: string, count: number) =>
    eventually(async () => {
      const { rowCount } = await database.pool.query(
        "select 1 from postdate.held where topic = $1 and lane = $2 and worker <> 'nobody'",
        [topic.name, lane],
      );
      expect(rowCount).toBe(count);
    });
  await heldIn('stable', 2);
  await change('live', ['acme']);
  await heldIn('canary', 2);
  expect(await Promise.all(answers)).toEqual([{ lane: 'canary' }, { lane: 'canary' }]);
  await change('stopped');
  await heldIn('stable', 2);
  expect(await landingOf(moved)).toEqual(inStable);
  expect(await landingOf(back)).toEqual(inStable);
});

it('what is due in a moment stays with stable, though the rules change', async () => {
  await startCanary();
  await change('live', ['globex']);
  await known(1);
  const stable = await startAny([topic]);
  const chosen = message(1_200);
  const answer = ask(stable, chosen);
  await change('live', ['acme']);
  expect(await answer).toMatchObject({ outcome: 'delivered' });
  expect(await landingOf(chosen)).toMatchObject({ lane: 'stable' });
});

it('what a dead worker of a lane held stable lands, if the lane has no other', async () => {
  await change('live');
  const canary = await startCanary();
  await known(1);
  const stable = await startAny([topic]);
  const chosen = message(3_000);
  expect(await ask(stable, chosen)).toEqual({ lane: 'canary' });
  await heldBy(canary, chosen);
  await canary.kill();
  expect(await landingOf(chosen)).toEqual({ ...inStable, lane_reason: 'canary did not land it' });
});
