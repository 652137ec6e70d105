import { type Link, startLink } from '../../chaos/system/proxy';
import type { ScheduledMessage } from '../../src/message/contract';
import type { Decision } from '../../src/message/decision';
import { createPool } from '../../src/platform/database/pool';
import { type TestDatabase, useDatabase } from '../support/database';
import { effectMessage, effectsSchema, groupTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { useHolds } from '../support/hold';

const database = useDatabase(effectsSchema);
const through = {} as TestDatabase;
const startHold = useHolds(through);
let link: Link;
beforeAll(async () => {
  link = await startLink(() => Number(new URL(database.url).port));
  through.url = Object.assign(new URL(database.url), { port: String(link.port) }).href;
  through.pool = createPool(through.url, { connections: 10, onError: () => undefined });
});
afterAll(async () => {
  await through.pool.end();
  await link.stop();
});

it('a COMMIT whose answer is lost is no loss and no second effect: the landing is tried again, and the ledger answers', async () => {
  const topic = { ...groupTopic(), name: 'test.commit' };
  const worker = await startHold([topic]);
  const messages = Array.from({ length: 20 }, () => effectMessage(2_000, { topic: topic.name }));
  /** As Temporal does: whatever an attempt ends with, there is another one until it has its answer. */
  const deliver = async (message: ScheduledMessage): Promise<Decision> => {
    for (;;) {
      const answer = await worker.deliver(topic, message).catch(() => undefined);
      if (answer) return answer;
    }
  };
  link.setMode('dropReplyToCommit');
  const answers = Promise.all(messages.map(deliver));
  await eventually(async () => expect(link.bites()).toBeGreaterThan(0));
  link.setMode('pass');
  expect((await answers).map(({ outcome }) => outcome)).toEqual(Array(20).fill('delivered'));
  for (const { key } of messages)
    expect(await traces(database.pool, key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  // The landing that was done looked like one that was not.
  expect(worker.errors.length).toBeGreaterThan(0);
});
