import { again, done, PermanentFailure, skip, type Topic } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, effectTopic, traces } from '../support/effects';
import { type TestHold, useHolds } from '../support/hold';

const database = useDatabase(effectsSchema);

const startHold = useHolds(database);
let worker: TestHold;

beforeAll(async () => {
  worker = await startHold([effectTopic()]);
});

const deliver = (topic: Topic, message = effectMessage(-1_000)) => worker.deliver(topic, message);

describe('a delivery', () => {
  it('leaves one effect, one row in the ledger and one event, and the same again when it is repeated', async () => {
    const message = effectMessage(-1_000);
    const first = await deliver(effectTopic(), message);
    expect(first).toMatchObject({ outcome: 'delivered', cycle: 1 });
    expect(await deliver(effectTopic(), message)).toEqual(first);
    expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  });

  it('made twice each by eight workers at one time has one effect, and all get the same answer', async () => {
    const message = effectMessage(-1_000);
    const workers = await Promise.all(Array.from({ length: 8 }, () => startHold([effectTopic()])));
    const answers = await Promise.all([...workers, ...workers].map((one) => one.deliver(effectTopic(), message)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  });

  it('of the next cycle is an effect of its own', async () => {
    const message = effectMessage(-1_000);
    await deliver(effectTopic(), message);
    expect(await deliver(effectTopic(), { ...message, cycle: 2 })).toMatchObject({ outcome: 'delivered', cycle: 2 });
    expect(await traces(database.pool, message.key)).toEqual({ effects: 2, decisions: 2, events: 2 });
  });

  it('whose handler throws leaves nothing behind, and succeeds when it is tried again', async () => {
    const message = effectMessage(-1_000);
    const broken = effectTopic(() => {
      throw new Error('the mail server is away');
    });
    await expect(deliver(broken, message)).rejects.toThrow('the mail server is away');
    expect(await traces(database.pool, message.key)).toEqual({ effects: 0, decisions: 0, events: 0 });
    expect(await deliver(effectTopic(), message)).toMatchObject({ outcome: 'delivered' });
  });

  it('whose statement fails leaves nothing behind, even where the handler hides the error', async () => {
    const message = effectMessage(-1_000);
    const hiding = effectTopic(async (tx) => {
      await tx.query('select 1 / 0').catch(() => undefined);
      return done;
    });
    await expect(deliver(hiding, message)).rejects.toThrow('current transaction is aborted');
    expect(await traces(database.pool, message.key)).toEqual({ effects: 0, decisions: 0, events: 0 });
  });
});

describe("the database's clock", () => {
  it('sends back a delivery that comes far too early, with the time that is left, and nothing is stored', async () => {
    const message = effectMessage(600_000);
    await expect(deliver(effectTopic(), message)).rejects.toMatchObject({
      type: 'PostdateNotDue',
      nonRetryable: false,
      nextRetryDelay: expect.any(Number),
    });
    expect(await traces(database.pool, message.key)).toEqual({ effects: 0, decisions: 0, events: 0 });
  });

  it('sends one back for ten minutes at most, however long there seems to be left: it may have been wrong', async () => {
    const early = deliver(effectTopic(), effectMessage(48 * 3_600_000));
    await expect(early).rejects.toMatchObject({ type: 'PostdateNotDue', nextRetryDelay: 600_000 });
  });

  it('makes a delivery that is a moment early wait, so that it is decided at its due time or after', async () => {
    const message = effectMessage(400);
    const { decidedAt } = await deliver(effectTopic(), message);
    expect(decidedAt).toBeGreaterThanOrEqual(message.dueAt);
    const { rows } = await database.pool.query(
      'select decided_at >= due_at as kept from postdate.delivery where key = $1',
      [message.key],
    );
    expect(rows).toEqual([{ kept: true }]);
  });

  it('guards the ledger itself: a delivered row before its due time is refused', async () => {
    const early = database.pool.query(
      `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late)
       values ('t', 't', 'k', 1, 'delivered', clock_timestamp() + interval '1 second', false)`,
    );
    await expect(early).rejects.toMatchObject({ code: '23514' });
  });
});

describe('what the handler answers', () => {
  it('"skip" is recorded with its reason', async () => {
    const answer = await deliver(effectTopic(() => skip('paid already')));
    expect(answer).toMatchObject({ outcome: 'skipped', reason: 'paid already' });
  });

  it('"again" opens the next cycle at that time', async () => {
    const answer = await deliver(effectTopic(() => again('2030-01-01T00:00:00+01:00')));
    expect(answer.next).toEqual({ cycle: 2, dueAt: Date.UTC(2029, 11, 31, 23) });
  });

  // The event says that it failed.
  const toldOnly = { effects: 0, decisions: 1, events: 1 };

  it('"again" at no time at all ends as failed, told to everyone, with the effect undone', async () => {
    const message = effectMessage(-1_000);
    const answer = await deliver(
      effectTopic(() => again(Number.NaN)),
      message,
    );
    expect(answer).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('dueAt') });
    expect(await traces(database.pool, message.key)).toEqual(toldOnly);
  });

  it('a permanent failure ends as failed, once and told to everyone, and its effect is undone', async () => {
    const message = effectMessage(-1_000);
    const failing = effectTopic(() => {
      throw new PermanentFailure('no such account');
    });
    expect(await deliver(failing, message)).toMatchObject({ outcome: 'failed', reason: 'no such account' });
    expect(await deliver(effectTopic(), message)).toMatchObject({ outcome: 'failed', reason: 'no such account' });
    expect(await traces(database.pool, message.key)).toEqual(toldOnly);
  });

  it('is not asked for when the payload no longer fits the topic: that ends as failed, told to everyone', async () => {
    const message = effectMessage(-1_000, { payload: { note: 7 } });
    expect(await deliver(effectTopic(), message)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('payload'),
    });
    expect(await traces(database.pool, message.key)).toEqual(toldOnly);
  });
});
