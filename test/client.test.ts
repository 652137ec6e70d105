import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { nanoid } from 'nanoid';
import { cancel, describe as describeMessage, list, move, schedule } from '../src/client';
import { type MessageRef, workflowIdOf } from '../src/message/contract';
import { rfc3339 } from '../src/message/due-time';
import type { Installation } from '../src/process/installation';
import { useDatabase } from './support/database';
import { effectsSchema, effectTopic, traces } from './support/effects';
import { eventually } from './support/eventually';
import { useTemporal } from './support/temporal';

const temporal = useTemporal();
const database = useDatabase(effectsSchema);
const topic = effectTopic();
const installation: Installation = { topics: [topic], consumers: [], schemas: [] };

const HOUR_MS = 3_600_000;
const inAnHour = () => Date.now() + HOUR_MS;
const post = (fields = {}) => ({
  topic,
  tenant: 'acme',
  key: nanoid(),
  dueAt: inAnHour(),
  payload: { note: 'n' },
  ...fields,
});
const refOf = ({ tenant, key }: { tenant: string; key: string }): MessageRef => ({ topic: topic.name, tenant, key });

describe('without any worker', () => {
  it('a message can be posted, described and listed', async () => {
    const tenant = nanoid();
    const dueAt = inAnHour();
    const message = post({ tenant, dueAt });
    expect(await schedule(temporal.client, message)).toMatchObject({ result: 'scheduled', late: false });
    const waiting = { ...refOf(message), state: 'waiting', dueAt: rfc3339(dueAt), cycle: 1 };
    expect(await describeMessage(temporal.client, refOf(message))).toMatchObject(waiting);
    await eventually(async () => expect(await all({ tenant })).toMatchObject([waiting]));
  });

  it('a conflicting post is rejected or kept as asked, and the first message stays as it was', async () => {
    const first = post();
    await schedule(temporal.client, first);
    const second = { ...first, dueAt: first.dueAt + HOUR_MS };
    expect(await schedule(temporal.client, second)).toMatchObject({ result: 'rejected' });
    expect(await schedule(temporal.client, second, { onConflict: 'keep' })).toMatchObject({ result: 'kept' });
    const asked = { ...refOf(first), dueAt: rfc3339(second.dueAt) };
    expect(await describeMessage(temporal.client, asked)).toMatchObject({ dueAt: rfc3339(first.dueAt) });
  });

  it('a post that is repeated with its command id is the same post; with another it is a conflict', async () => {
    const message = post();
    const commandId = nanoid();
    expect(await schedule(temporal.client, message, { commandId })).toMatchObject({ result: 'scheduled' });
    expect(await schedule(temporal.client, message, { commandId })).toMatchObject({ result: 'scheduled' });
    expect(await schedule(temporal.client, message, { commandId: nanoid() })).toMatchObject({ result: 'rejected' });
  });

  it('a cancel says "requested", not "cancelled", and holds once a worker is back', async () => {
    const message = post();
    await schedule(temporal.client, message);
    const answer = await cancel(temporal.client, refOf(message), { deadlineMs: 500 });
    expect(answer).toMatchObject({ result: 'requested' });
    expect(await describeMessage(temporal.client, refOf(message))).toMatchObject({ state: 'waiting' });
    await temporal.withWorker(database, installation, async () => {
      await eventually(async () =>
        expect(await describeMessage(temporal.client, refOf(message))).toMatchObject({
          ending: { outcome: 'cancelled' },
        }),
      );
    });
    expect(await traces(database.pool, message.key)).toEqual({ effects: 0, decisions: 1, events: 0 });
  });

  it('the list is narrowed by topic, tenant, due range and state', async () => {
    const tenant = nanoid();
    const [early, late] = [post({ tenant }), post({ tenant, dueAt: inAnHour() + 2 * HOUR_MS })];
    for (const message of [early, late]) await schedule(temporal.client, message);
    const keys = async (selection: object) => (await all({ tenant, ...selection })).map((status) => status.key).sort();
    await eventually(async () => expect(await keys({})).toEqual([early.key, late.key].sort()));
    expect(await keys({ topic: topic.name, state: 'waiting' })).toHaveLength(2);
    expect(await keys({ topic: 'another' })).toEqual([]);
    expect(await keys({ state: 'ended' })).toEqual([]);
    expect(await keys({ dueTo: early.dueAt })).toEqual([]);
    expect(await keys({ dueFrom: early.dueAt, dueTo: late.dueAt })).toEqual([early.key]);
    expect(await keys({ dueFrom: rfc3339(early.dueAt + 1) })).toEqual([late.key]);
  });
});

describe('with a worker', () => {
  it.each([
    { sent: ['move', 'cancel'], decisions: ['moved', 'cancelled'] },
    { sent: ['cancel', 'move'], decisions: ['cancelled'] },
  ])('$sent, sent before one had its first task, are obeyed in that order', async ({ sent, decisions }) => {
    const message = post();
    await schedule(temporal.client, message);
    const handle = temporal.client.workflow.getHandle(workflowIdOf(refOf(message)));
    for (const name of sent) await handle.signal(name, { dueAt: inAnHour() + HOUR_MS });
    await temporal.withWorker(database, installation, () => handle.result());
    const { rows } = await database.pool.query('select outcome from postdate.delivery where key = $1 order by cycle', [
      message.key,
    ]);
    expect(rows.map(({ outcome }) => outcome)).toEqual(decisions);
  });

  it('a signal sent before its first task is obeyed before an update that waits for it', async () => {
    const message = post();
    await schedule(temporal.client, message);
    const handle = temporal.client.workflow.getHandle(workflowIdOf(refOf(message)));
    await handle.signal('move', { dueAt: inAnHour() + HOUR_MS });
    const cancelled = handle.executeUpdate('cancel', { args: [{}] });
    await temporal.withWorker(database, installation, async () => {
      expect(await cancelled).toEqual({ result: 'cancelled' });
    });
    const { rows } = await database.pool.query('select outcome from postdate.delivery where key = $1 order by cycle', [
      message.key,
    ]);
    expect(rows.map(({ outcome }) => outcome)).toEqual(['moved', 'cancelled']);
  });

  it('a message is delivered when it is due, and one due in the past at once and marked late', async () => {
    await temporal.withWorker(database, installation, async () => {
      const [soon, past] = [post({ dueAt: Date.now() + 2_000 }), post({ dueAt: Date.now() - HOUR_MS })];
      expect(await schedule(temporal.client, soon)).toMatchObject({ late: false });
      expect(await schedule(temporal.client, past)).toMatchObject({ late: true });
      for (const message of [soon, past]) {
        await eventually(async () =>
          expect(await describeMessage(temporal.client, refOf(message))).toMatchObject({
            ending: { outcome: 'delivered' },
          }),
        );
      }
      const { rows } = await database.pool.query('select key, late from postdate.delivery where key = any($1)', [
        [soon.key, past.key],
      ]);
      expect(Object.fromEntries(rows.map((row) => [row.key, row.late]))).toEqual({
        [soon.key]: false,
        [past.key]: true,
      });
    });
  });

  it('a cancel answers "cancelled" and is repeated without harm; for a delivered one it is too late, for none not found', async () => {
    await temporal.withWorker(database, installation, async () => {
      const [waiting, fired] = [post(), post({ dueAt: Date.now() - 1 })];
      for (const message of [waiting, fired]) await schedule(temporal.client, message);
      const commandId = nanoid();
      for (const sameOrOther of [commandId, commandId, nanoid()]) {
        const answer = await cancel(temporal.client, refOf(waiting), { commandId: sameOrOther });
        expect(answer).toEqual({ result: 'cancelled' });
      }
      await eventually(async () =>
        expect(await cancel(temporal.client, refOf(fired))).toMatchObject({ result: 'tooLate', outcome: 'delivered' }),
      );
      expect(await cancel(temporal.client, { ...refOf(fired), key: nanoid() })).toEqual({ result: 'notFound' });
      expect(await traces(database.pool, waiting.key)).toEqual({ effects: 0, decisions: 1, events: 0 });
    });
  });

  it('a move to a moment later than a second is obeyed, keeps search attributes true, and fires once', async () => {
    await temporal.withWorker(database, installation, async () => {
      const message = post();
      await schedule(temporal.client, message);
      const dueAt = inAnHour() + HOUR_MS;
      expect(await move(temporal.client, refOf(message), { dueAt })).toEqual({
        result: 'moved',
        dueAt: rfc3339(dueAt),
        cycle: 2,
      });
      await eventually(async () =>
        expect(await describeMessage(temporal.client, refOf(message))).toMatchObject({
          dueAt: rfc3339(dueAt),
          cycle: 2,
        }),
      );
      expect(
        await schedule(temporal.client, { ...message, dueAt: Date.now() + 500 }, { onConflict: 'move' }),
      ).toMatchObject({
        result: 'moved',
        cycle: 3,
      });
      await eventually(async () =>
        expect(await describeMessage(temporal.client, refOf(message))).toMatchObject({
          ending: { outcome: 'delivered', cycle: 3 },
        }),
      );
      expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 3, events: 1 });
    });
  });

  it('the Web UI is told the due time, the state, and what each handler is for', async () => {
    await temporal.withWorker(database, installation, async () => {
      const message = post();
      await schedule(temporal.client, message);
      const handle = temporal.client.workflow.getHandle(workflowIdOf(refOf(message)));
      const summaries = await eventually(async () => {
        const { events } = await handle.fetchHistory();
        const timer = events?.find((event) => event.timerStartedEventAttributes);
        if (!timer) throw new Error('it does not sleep yet');
        return defaultPayloadConverter.fromPayload(timer.userMetadata?.summary as Payload);
      });
      expect(summaries).toBe(`cycle 1, due ${rfc3339(message.dueAt)}`);
      const shown = await handle.query<{
        currentDetails: string;
        definition: Record<string, { description: string }[]>;
      }>('__temporal_workflow_metadata');
      expect(shown.currentDetails).toContain('waiting');
      expect(shown.currentDetails).toContain(rfc3339(message.dueAt));
      const described = Object.values(shown.definition)
        .flat()
        .filter(({ description }) => description);
      expect(described.length).toBeGreaterThanOrEqual(5);
    });
  });

  it('a name that has fired can be posted again with the next cycle; the same cycle has no second effect', async () => {
    await temporal.withWorker(database, installation, async () => {
      const message = post({ dueAt: Date.now() - 1 });
      const ended = async (cycle: number) =>
        eventually(async () =>
          expect(await describeMessage(temporal.client, refOf(message))).toMatchObject({ state: 'ended', cycle }),
        );
      await schedule(temporal.client, { ...message, cycle: 1 });
      await ended(1);
      await schedule(temporal.client, { ...message, cycle: 1 });
      await ended(1);
      expect(await traces(database.pool, message.key)).toMatchObject({ effects: 1, decisions: 1 });
      await schedule(temporal.client, { ...message, cycle: 2 });
      await ended(2);
      expect(await traces(database.pool, message.key)).toMatchObject({ effects: 2, decisions: 2 });
    });
  });
});

async function all(selection: Parameters<typeof list>[1]) {
  const found = [];
  for await (const status of list(temporal.client, selection)) found.push(status);
  return found;
}
