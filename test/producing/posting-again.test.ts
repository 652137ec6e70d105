import { nanoid } from 'nanoid';
import { cancel, describe as describeMessage, move, schedule } from '../../src/client';
import { workflowIdOf } from '../../src/message/contract';
import type { Installation } from '../../src/process/installation';
import { useDatabase } from '../support/database';
import { effectsSchema, effectTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';

// An ended workflow is deleted when the server has noted down how far its queues have come; by itself every 30 s.
const temporal = useTemporal();
const database = useDatabase(effectsSchema);
const topic = effectTopic();
const installation: Installation = { topics: [topic], consumers: [], schemas: [] };
const HOUR_MS = 3_600_000;

const post = (fields = {}) => ({
  topic,
  tenant: 'acme',
  key: nanoid(),
  dueAt: Date.now() - 1,
  payload: { note: 'n' },
  ...fields,
});
type Post = ReturnType<typeof post>;
const refOf = ({ tenant, key }: Post) => ({ topic: topic.name, tenant, key });
const ended = (message: Post, ending: object) =>
  eventually(async () =>
    expect(await describeMessage(temporal.client, refOf(message))).toMatchObject({ state: 'ended', ending }),
  );

/** As Temporal does with an ended workflow when its retention is over. */
async function forget(message: Post): Promise<void> {
  const workflowId = workflowIdOf(refOf(message));
  await temporal.client.workflowService.deleteWorkflowExecution({
    namespace: temporal.namespace,
    workflowExecution: { workflowId },
  });
  await eventually(async () => expect(await describeMessage(temporal.client, refOf(message))).toBeUndefined());
}

const during = (work: () => Promise<void>) => () => temporal.withWorker(database, installation, work);

describe('after it has fired, the same message posted again', () => {
  it(
    'takes the next cycle, with an effect of its own',
    during(async () => {
      const message = post();
      for (const cycle of [1, 2, 3]) {
        expect(await schedule(temporal.client, message)).toMatchObject({ result: 'scheduled' });
        await ended(message, { outcome: 'delivered', cycle });
      }
      expect(await traces(database.pool, message.key)).toEqual({ effects: 3, decisions: 3, events: 3 });
    }),
  );

  it(
    'takes the next cycle also when Temporal has forgotten the first, and can be cancelled like any other',
    during(async () => {
      const message = post();
      await schedule(temporal.client, message);
      await ended(message, { cycle: 1 });
      await forget(message);
      await schedule(temporal.client, message);
      await ended(message, { outcome: 'delivered', cycle: 2 });
      await forget(message);
      const later = { ...message, dueAt: Date.now() + HOUR_MS };
      await schedule(temporal.client, later);
      expect(await cancel(temporal.client, refOf(message))).toEqual({ result: 'cancelled' });
      await ended(message, { outcome: 'cancelled', cycle: 3 });
      expect(await traces(database.pool, message.key)).toMatchObject({ effects: 2, decisions: 3 });
    }),
  );

  it(
    'by the same command is the same post: no second effect, whether Temporal remembers the first or not',
    during(async () => {
      const message = post();
      const commandId = nanoid();
      const postOnce = async () => {
        expect(await schedule(temporal.client, message, { commandId })).toMatchObject({ result: 'scheduled' });
        await ended(message, { outcome: 'delivered', cycle: 1 });
      };
      await postOnce();
      await postOnce();
      await forget(message);
      await postOnce();
      expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
    }),
  );

  it(
    'in a cycle that the producer names fires in that cycle once, also when Temporal has forgotten it',
    during(async () => {
      const message = post({ cycle: 1 });
      for (let time = 0; time < 2; time += 1) {
        await schedule(temporal.client, message);
        await ended(message, { outcome: 'delivered', cycle: 1 });
        await forget(message);
      }
      expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
    }),
  );
});

it('five posts at one moment are one message, and the others learn that it waits', async () => {
  const message = post({ dueAt: Date.now() + HOUR_MS });
  const answers = await Promise.all(Array.from({ length: 5 }, () => schedule(temporal.client, message)));
  expect(answers.map(({ result }) => result).sort()).toEqual([
    'rejected',
    'rejected',
    'rejected',
    'rejected',
    'scheduled',
  ]);
});

describe('a command id that is used again', () => {
  const repeat = { every: 'P1D', maxCycles: 3 };
  const first = () => post({ dueAt: Date.now() + HOUR_MS, payload: { note: 'n', more: { a: 1, b: 2 } }, repeat });
  const postAgain = (message: Post, fields = {}) =>
    schedule(temporal.client, { ...message, ...fields }, { commandId: 'used' });

  it('for the same post is the same command, also after it was moved', async () => {
    const message = first();
    const scheduled = { result: 'scheduled' };
    expect(await postAgain(message)).toMatchObject(scheduled);
    const reordered = { payload: { more: { b: 2, a: 1 }, note: 'n' } };
    expect(await postAgain(message, reordered)).toMatchObject(scheduled);
    await during(async () => {
      const moved = await move(temporal.client, refOf(message), { dueAt: message.dueAt + 1 });
      expect(moved).toMatchObject({ result: 'moved' });
    })();
    expect(await postAgain(message)).toMatchObject(scheduled);
    await expect(postAgain(message, { dueAt: message.dueAt + 1 })).rejects.toMatchObject({ field: 'dueAt' });
  });

  it.each<[string, (message: Post) => object]>([
    ['dueAt', ({ dueAt }) => ({ dueAt: dueAt + 1 })],
    ['payload', () => ({ payload: { note: 'n', more: { a: 1, b: 3 } } })],
    ['repeat', () => ({ repeat: { ...repeat, maxCycles: 4 } })],
    ['staleAfterMs', () => ({ staleAfterMs: 1_000 })],
    ['cycle', () => ({ cycle: 2 })],
  ])(
    'for a post with another %s is refused by that field, and the first one waits as it was',
    async (field, change) => {
      const message = first();
      await postAgain(message);
      const refused = postAgain(message, change(message));
      await expect(refused).rejects.toMatchObject({ name: 'MessageError', code: 'commandIdReused', field });
      expect(await describeMessage(temporal.client, refOf(message))).toMatchObject({
        state: 'waiting',
        dueAt: new Date(message.dueAt).toISOString(),
      });
    },
  );
});
