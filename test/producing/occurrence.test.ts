import { nanoid } from 'nanoid';
import { z } from 'zod';
import { describe as describeMessage, move, schedule } from '../../src/client';
import { findFailed } from '../../src/operating/redrive/failed';
import { redrive } from '../../src/operating/redrive/redrive';
import { createWaiting } from '../../src/producing/waiting-runs';
import { defineTopic } from '../../src/topics/define-topic';
import { again, done, PermanentFailure } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase();
const HOUR_MS = 3_600_000;
const broken = new Set<string>();

/** Three reminders, like README's. */
const topic = defineTopic({
  name: 'test.reminder',
  payload: z.object({}),
  async handle(tx, { key, occurrence }) {
    if (occurrence === 2 && broken.has(key)) throw new PermanentFailure('no such account');
    await tx.emit('reminded', { reminder: occurrence });
    return occurrence < 3 ? again(Date.now()) : done;
  },
});
const during = (work: () => Promise<void>) => () =>
  temporal.withWorker(database, { topics: [topic], consumers: [], schemas: [] }, work);

const refOf = (key: string) => ({ topic: topic.name, tenant: 'acme', key });
const post = (key: string, dueInMs: number, fields = {}) =>
  schedule(temporal.client, { topic, tenant: 'acme', key, dueAt: Date.now() + dueInMs, payload: {}, ...fields });
const ended = (key: string, ending: object) =>
  eventually(async () => expect(await describeMessage(temporal.client, refOf(key))).toMatchObject({ ending }));

/** The reminders of a key, in their order: in which cycle, and counted by the handler and by the event. */
const reminders = async (key: string) =>
  (
    await database.pool.query(
      `select (payload->'cycle')::int as cycle, (payload->'data'->'reminder')::int as reminder,
              (payload->'occurrence')::int as occurrence
         from postdate.outbox where aggregateid = 'acme/' || $1 and type = 'reminded' order by seq`,
      [key],
    )
  ).rows.map(({ cycle, reminder, occurrence }) => [cycle, reminder, occurrence]);

it(
  'a message that is moved has as many reminders as one that is not; posted again, it counts from 1',
  during(async () => {
    const [moved, quiet] = [nanoid(), nanoid()];
    await Promise.all([post(quiet, 0), post(moved, HOUR_MS)]);
    expect(await move(temporal.client, refOf(moved), { dueAt: Date.now() + 2 * HOUR_MS })).toMatchObject({ cycle: 2 });
    expect(await move(temporal.client, refOf(moved), { dueAt: Date.now() })).toMatchObject({ cycle: 3 });
    await ended(quiet, { outcome: 'delivered', cycle: 3 });
    await ended(moved, { outcome: 'delivered', cycle: 5 });
    expect(await reminders(quiet)).toEqual([
      [1, 1, 1],
      [2, 2, 2],
      [3, 3, 3],
    ]);
    const first = [
      [3, 1, 1],
      [4, 2, 2],
      [5, 3, 3],
    ];
    expect(await reminders(moved)).toEqual(first);

    await post(moved, 0);
    await ended(moved, { outcome: 'delivered', cycle: 8 });
    expect(await reminders(moved)).toEqual([...first, [6, 1, 1], [7, 2, 2], [8, 3, 3]]);
  }),
);

it(
  'a redrive is the occurrence that failed, once more, and the next ones follow it',
  during(async () => {
    const key = nanoid();
    broken.add(key);
    await post(key, 0);
    await ended(key, { outcome: 'failed', cycle: 2 });
    broken.delete(key);
    const [failed] = await findFailed(database.pool, { topic: topic.name, key }, 1);
    const deps = { pool: database.pool, client: temporal.client, waiting: createWaiting(temporal.client) };
    await redrive(deps, topic as never, failed as never, { by: 'Anna', reason: 'the account is there now' });
    await ended(key, { outcome: 'delivered', cycle: 4 });
    expect(await reminders(key)).toEqual([
      [1, 1, 1],
      [3, 2, 2],
      [4, 3, 3],
    ]);
  }),
);
