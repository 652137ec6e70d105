import { nanoid } from 'nanoid';
import { land as landAll } from '../../../src/delivery/landing/landing';
import type { ScheduledMessage } from '../../../src/message/contract';
import type { Decision } from '../../../src/message/decision';
import { defineTopic } from '../../../src/topics/define-topic';
import { PermanentFailure, type Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, effectTopic, groupTopic, traces } from '../../support/effects';
import { useHolds } from '../../support/hold';

const database = useDatabase(effectsSchema);
const startHold = useHolds(database);
const HOUR_MS = 3_600_000;
const YEAR_MS = 365.25 * 24 * HOUR_MS;

const hourly = (message: ScheduledMessage, fields = {}): ScheduledMessage => ({
  ...message,
  repeat: { every: 'PT1H', startAt: message.dueAt, at: message.dueAt, done: 0, ...fields },
});

async function land(topic: Topic, message: ScheduledMessage): Promise<Decision> {
  const { deliver } = await startHold([topic]);
  return deliver(topic, message);
}

const eventTypes = async (key: string) =>
  (
    await database.pool.query(`select type from postdate.outbox where aggregateid = 'acme/' || $1 order by seq`, [key])
  ).rows.map(({ type }) => type);

/** The types of the events of a key, with the reason if they have one. */
const eventsOf = async (key: string) =>
  (
    await database.pool.query(
      `select concat_ws(' ', type, payload->'data'->>'reason') as said
         from postdate.outbox where aggregateid = 'acme/' || $1 order by seq`,
      [key],
    )
  ).rows.map(({ said }) => said);

describe('a repeating message', () => {
  it('goes on with the next place of its series, which the ledger names, too', async () => {
    const message = hourly(effectMessage(0));
    const next = { cycle: 2, dueAt: message.dueAt + HOUR_MS };
    expect(await land(effectTopic(), message)).toMatchObject({ outcome: 'delivered', next });
    const { rows } = await database.pool.query('select next_cycle, next_due_at from postdate.delivery where key = $1', [
      message.key,
    ]);
    expect(rows).toEqual([{ next_cycle: 2, next_due_at: new Date(next.dueAt) }]);
  });

  it('ends with its series, with a handler that says "last", and with a failure', async () => {
    const ends: [Topic, object, string][] = [
      [effectTopic(), { maxCycles: 1 }, 'delivered'],
      [effectTopic(), { until: Date.now() }, 'delivered'],
      [effectTopic(() => ({ do: 'done', last: true })), {}, 'delivered'],
      [effectTopic(() => Promise.reject(new PermanentFailure('closed account'))), {}, 'failed'],
    ];
    for (const [topic, fields, outcome] of ends) {
      const decision = await land(topic, hourly(effectMessage(0), fields));
      expect(decision.outcome).toBe(outcome);
      expect(decision.next).toBeUndefined();
    }
  });

  it('whose calendar has no further date ends with an event; one that ends as it was asked to, or goes on, has none', async () => {
    const thisYear = new Date().getUTCFullYear();
    const yearly = (years: string) => ({ every: undefined, cron: `0 0 0 1 1 * ${years}` });
    const stale = { staleAfterMs: 1_000 };
    const happened = 'test.happened';
    const tooFar = 'postdate.failed again: dueAt must be at most 20 years ahead';
    const ends: [Topic, Partial<ScheduledMessage>, object, string[], goesOn?: true][] = [
      [effectTopic(), {}, {}, [happened], true],
      [effectTopic(), {}, { maxCycles: 1 }, [happened]],
      [effectTopic(), {}, { until: Date.now() }, [happened]],
      [effectTopic(() => ({ do: 'done', last: true })), {}, {}, [happened]],
      [effectTopic(), stale, { maxCycles: 1 }, ['postdate.skipped stale']],
      // A calendar without a next date, and one whose next date is too far ahead for any message.
      [effectTopic(), {}, yearly(`${thisYear}`), [happened, 'postdate.series-ended noDueTime']],
      [effectTopic(), {}, yearly(`${thisYear},${thisYear + 40}`), [happened, 'postdate.series-ended noDueTime']],
      [effectTopic(() => Promise.reject(new PermanentFailure('closed'))), {}, {}, ['postdate.failed closed']],
      [effectTopic(() => ({ do: 'again', dueAt: Date.now() + 21 * YEAR_MS })), {}, {}, [tooFar]],
      [effectTopic(() => ({ do: 'again', dueAt: Date.now() + HOUR_MS })), {}, { maxCycles: 1 }, [happened], true],
    ];
    for (const [topic, fields, repeat, events, goesOn = false] of ends) {
      const dueInMs = fields === stale ? -HOUR_MS : 0;
      const message = { ...hourly(effectMessage(dueInMs), repeat), ...fields };
      // It began in the year before, so its series was a good one when it was posted.
      if (message.repeat?.cron) message.repeat.startAt -= 370 * 24 * HOUR_MS;
      const { next } = await land(topic, message);
      expect(await eventsOf(message.key)).toEqual(events);
      expect(next !== undefined).toBe(goesOn);
    }
  });

  it('is moved by its handler’s own "again"', async () => {
    const dueAt = Date.now() + 5_000;
    const topic = effectTopic(() => ({ do: 'again', dueAt }));
    expect(await land(topic, hourly(effectMessage(0)))).toMatchObject({ next: { cycle: 2, dueAt } });
  });

  it('that nobody could compute ends as failed, without its handler', async () => {
    const message = hourly(effectMessage(0), { every: 'now and then' });
    expect(await land(effectTopic(), message)).toMatchObject({ outcome: 'failed' });
    expect(await traces(database.pool, message.key)).toEqual({ effects: 0, decisions: 1, events: 1 });
  });
});

describe('a message whose zone a worker does not know', () => {
  const inZone = (zone: string, fields = {}) => hourly(effectMessage(0), { every: 'P1D', zone, ...fields });

  it('waits for a worker that does, and delays no other message of its group; a name that is none ends in sight', async () => {
    const [unknown, known, none] = [
      inZone('Mars/Olympus'),
      inZone('Europe/Amsterdam'),
      inZone('nowhere; drop table x'),
    ];
    const deliveries = [unknown, known, none].map((message) => ({ message, late: false }));
    const landings = await landAll(database.pool, groupTopic(), deliveries);
    expect(landings).toMatchObject([
      { error: { message: expect.stringContaining('Mars/Olympus') } },
      { decision: { outcome: 'delivered', next: { cycle: 2 } } },
      { decision: { outcome: 'failed', reason: expect.stringContaining('repeat.zone') } },
    ]);
    expect(await traces(database.pool, unknown.key)).toEqual({ effects: 0, decisions: 0, events: 0 });
    await expect(land(effectTopic(), unknown)).rejects.toThrow('Mars/Olympus');

    const { DateTimeFormat } = Intl;
    const newer = jest.spyOn(Intl, 'DateTimeFormat').mockImplementation(
      ((locale: string, options: { timeZone: string }) =>
        new DateTimeFormat(locale, {
          ...options,
          timeZone: options.timeZone === 'Mars/Olympus' ? 'Europe/Amsterdam' : options.timeZone,
        })) as never,
    );
    try {
      expect(await land(effectTopic(), unknown)).toMatchObject({ outcome: 'delivered', next: { cycle: 2 } });
      expect(await traces(database.pool, unknown.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
    } finally {
      newer.mockRestore();
    }
  });
});

describe('a message that is later than its limit', () => {
  it('is skipped as stale, with an event and without an effect; one within it is delivered', async () => {
    const topic = defineTopic({ ...effectTopic(), staleAfterMs: HOUR_MS });
    const [stale, late, own] = [
      effectMessage(-2 * HOUR_MS),
      effectMessage(-HOUR_MS / 2),
      effectMessage(-HOUR_MS / 2, { staleAfterMs: 1_000 }),
    ];
    expect(await land(topic, stale)).toMatchObject({ outcome: 'skipped', reason: 'stale' });
    expect(await land(topic, own)).toMatchObject({ outcome: 'skipped', reason: 'stale' });
    expect(await land(topic, late)).toMatchObject({ outcome: 'delivered' });
    expect(await traces(database.pool, stale.key)).toEqual({ effects: 0, decisions: 1, events: 1 });
    expect(await eventTypes(stale.key)).toEqual(['postdate.skipped']);
    expect(await eventTypes(late.key)).toEqual(['test.happened']);
  });

  it('goes on with its series all the same', async () => {
    const message = hourly(effectMessage(-30 * 60_000), {});
    const decision = await land(effectTopic(), { ...message, staleAfterMs: 1_000 });
    expect(decision).toMatchObject({ outcome: 'skipped', next: { dueAt: message.dueAt + HOUR_MS } });
  });
});

it('a handler that always says "again, now" is stopped as failed after ten cycles; once an hour it may for ever', async () => {
  for (const [everyMs, outcome] of [
    [0, 'failed'],
    [HOUR_MS, 'delivered'],
  ] as const) {
    const firstDueAt = Date.now() - 20 * HOUR_MS;
    const topic = effectTopic((_, { dueAt }) => ({ do: 'again', dueAt: dueAt + everyMs }));
    const { deliver } = await startHold([topic]);
    let message = effectMessage(0, { dueAt: firstDueAt, key: nanoid() });
    let decision = await deliver(topic, message);
    while (decision.next && message.cycle < 12) {
      message = { ...message, ...decision.next };
      decision = await deliver(topic, message);
    }
    expect(decision).toMatchObject({ outcome });
    expect(message.cycle).toBe(outcome === 'failed' ? 11 : 12);
    // What the ten cycles before did stays; the eleventh did nothing.
    expect((await traces(database.pool, message.key)).effects).toBe(outcome === 'failed' ? 10 : 12);
  }
});

describe('a payload of an older form', () => {
  const seen: unknown[] = [];
  const topic = defineTopic({
    ...effectTopic((_, { payload }) => {
      seen.push(payload);
      return { do: 'done' };
    }),
    payloadVersion: 3,
    upcasts: [
      (one) => ({ words: (one as { text: string }).text }),
      (two) => ({ note: (two as { words: string }).words.toUpperCase() }),
    ],
  });

  it.each([
    [undefined, { text: 'hello' }],
    [2, { words: 'hello' }],
    [3, { note: 'HELLO' }],
  ])('of version %s is handed to the handler in the present one', async (payloadVersion, payload) => {
    seen.length = 0;
    expect(await land(topic, effectMessage(0, { payloadVersion, payload }))).toMatchObject({ outcome: 'delivered' });
    expect(seen).toEqual([{ note: 'HELLO' }]);
  });

  it('of a newer release waits for a worker that can read it', async () => {
    const message = effectMessage(0, { payloadVersion: 4, payload: {} });
    await expect(land(topic, message)).rejects.toThrow('payload version 4');
    expect(await traces(database.pool, message.key)).toEqual({ effects: 0, decisions: 0, events: 0 });
  });

  it('needs an upcast for each version', () => {
    expect(() => defineTopic({ ...effectTopic(), payloadVersion: 3, upcasts: [(one) => one] })).toThrow(
      expect.objectContaining({ code: 'invalidPayloadVersion' }),
    );
  });
});
