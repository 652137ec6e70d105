import fc from 'fast-check';
import type { Pool } from 'pg';
import { createHold } from '../../../src/delivery/hold/hold';
import type { Landing } from '../../../src/delivery/landing/landing';
import { LaneChanged } from '../../../src/delivery/landing/lane-check';
import { emptyRoutingTable } from '../../../src/delivery/lanes/routing-table';
import type { Delivery, InLane } from '../../../src/message/contract';
import type { Decision } from '../../../src/message/decision';
import { effectMessage, effectTopic } from '../../support/effects';
import { silentLog } from '../../support/silent-log';

// The pauses of the parts, by the clock that the test moves. Of those only a loop's has a signal; it is made longer, as
// each timer costs the test real time.
jest.mock('node:timers/promises', () => ({
  setTimeout: (ms: number, value: unknown, { signal }: { signal?: AbortSignal } = {}) =>
    new Promise((resolve, reject) => {
      setTimeout(() => resolve(value), signal ? 30_000 : ms);
      signal?.addEventListener('abort', () => reject(signal.reason));
    }),
}));
const land = jest.fn<Promise<Landing[]>, [Pool, unknown, Delivery[]]>();
jest.mock('../../../src/delivery/landing/landing', () => ({
  land: (...given: [Pool, unknown, Delivery[]]) => land(...given),
}));

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

const RUNS = 300;
const topics = [effectTopic(), { ...effectTopic(), name: 'test.other' }];
const KEYS = 6;

const operation = fc.record({
  what: fc.constantFrom(
    'attempt',
    'attempt',
    'attempt',
    'take over',
    'sweep',
    'wait',
    'wait',
    'rules',
    'outage',
    'jump',
  ),
  key: fc.nat(KEYS - 1),
  ms: fc.constantFrom(-500, 0, 400, 1_900, 5_000, 70_000),
});
/** How many messages the hold may have: all, or too few. */
const places = fc.constantFrom(1, 2, 4, 100);
/** What becomes of the messages of the first landings, and of their groups; all later ones land. */
const script = fc.array(
  fc.constantFrom('landed', 'landed', 'landed', 'throws', 'too early', 'the group fails', 'the rules have changed'),
  { maxLength: 30 },
);

const kindOf = (answer: unknown): string => {
  const { outcome, lane, type, message } = answer as Record<string, string | undefined>;
  if (outcome) return 'decision';
  return lane ? 'lane' : (type ?? `${message}`.replace('a row of ', ''));
};

/** A worker's hold with a database of which the test says what it does, and a ledger in memory. */
function worker(lane: string, { results, heldMessages }: { results: string[]; heldMessages: number }) {
  const state = { away: false, canary: new Set<number>(), aheadMs: 0, next: 0 };
  const ledger = new Map<string, Decision>();
  const errors: unknown[] = [];
  const held: number[] = [];
  const landing = new Set<string>();
  const landedTwice: string[] = [];
  const inLedger = ({ message: { key, cycle } }: Delivery) => `${key}#${cycle}`;
  const nextResult = () => results[state.next++] ?? 'landed';

  land.mockImplementation(async (_, __, deliveries) => {
    for (const one of deliveries) {
      if (landing.has(inLedger(one))) landedTwice.push(inLedger(one));
      landing.add(inLedger(one));
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const one of deliveries) landing.delete(inLedger(one));
    if (state.away) throw new Error('Connection terminated');
    const given = deliveries.map(nextResult);
    if (given.includes('the group fails')) throw new Error('a row of bad luck');
    if (lane !== 'stable' && given.includes('the rules have changed')) throw new LaneChanged('lanes have changed');
    return deliveries.map((delivery, place): Landing => {
      const decision = ledger.get(inLedger(delivery));
      if (decision) return { decision, before: true };
      if (given[place] === 'throws') return { error: new Error('bad luck') };
      if (given[place] === 'too early') return { notDueForMs: 300 };
      const landed: Decision = { cycle: delivery.message.cycle, outcome: 'delivered', decidedAt: Date.now() };
      ledger.set(inLedger(delivery), landed);
      return { decision: landed };
    });
  });
  const query = async (
    text: unknown,
    [topic, , keys = [], cycles = []]: [string?, string[]?, string[]?, number[]?] = [],
  ) => {
    if (state.away) throw new Error('Connection terminated');
    if (!String(text).includes('last_cycle')) return { rows: [{ standby: false }] };
    // The question whether these have landed before.
    const rows = keys.map((key, place) => {
      const decision = ledger.get(`${key}#${cycles[place]}`);
      return decision ? { ...decision, decided_at: new Date(decision.decidedAt), topic } : { outcome: null, ms: 1 };
    });
    return { rows };
  };
  const over = new AbortController();
  const number = ({ message }: Delivery) => Number(message.key.slice(-1));
  const hold = createHold(
    {
      pool: { query } as unknown as Pool,
      worker: 'this one',
      lanes: {
        ownLane: lane,
        routing: emptyRoutingTable,
        choose: (delivery) => ({
          lane: !delivery.cameBackFrom && state.canary.has(number(delivery)) ? 'canary' : 'stable',
        }),
        refresh: async () => false,
        any: () => true,
        setAny: () => undefined,
        onAny: () => undefined,
      },
      clock: { now: () => Date.now() + state.aheadMs, read: async () => 0 },
      metrics: new Proxy({} as never, {
        get: (_, name) =>
          name === 'held' ? (__: string, messages: number) => void held.push(messages) : () => undefined,
      }),
      log: silentLog,
      signal: over.signal,
      onError: (error) => errors.push(error),
    },
    { heldMessages, groupSize: 3, transactions: 2, connections: 5 },
  );
  const holds = () => {
    held.length = 0;
    hold.report(topics);
    return held.reduce((sum, messages) => sum + messages);
  };
  return { hold, state, errors, landedTwice, holds, end: () => over.abort() };
}

it.each(['stable', 'canary'])(
  'whatever happens to a worker of %s, each attempt is answered once, and no message stays behind',
  async (lane) => {
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 3, maxLength: 40 }),
        script,
        places,
        async (operations, results, heldMessages) => {
          const { hold, state, errors, landedTwice, holds, end } = worker(lane, { results, heldMessages });
          const attempts: (Decision | InLane | unknown)[][] = [];
          const swept: unknown[][] = [];
          const deliveryOf = (key: number, ms: number): Delivery => ({
            message: effectMessage(ms, { key: `key-${key}`, leadMs: 0, topic: topics[key % 2]?.name }),
            late: false,
            knowsLanes: true,
          });
          for (const { what, key, ms } of operations) {
            const topic = topics[key % 2] as (typeof topics)[0];
            if (what === 'attempt') {
              const answered: unknown[] = [];
              attempts.push(answered);
              const answer = (given: unknown) => void answered.push(given);
              const deadlineAt = Date.now() + 20_000;
              hold.keep(topic, deliveryOf(key, ms), {
                resolve: answer,
                reject: answer,
                deadlineAt,
                runClosed: async () => undefined,
              });
            } else if (what === 'take over') hold.takeOver(topic, [deliveryOf(key, ms), deliveryOf(key, ms)]);
            else if (what === 'sweep') {
              const heard: unknown[] = [];
              const taken = hold.takeOver(
                topic,
                [deliveryOf(key, -5_000)],
                (_, settlement) => void heard.push(settlement),
              );
              if (taken.length > 0) swept.push(heard);
            } else if (what === 'rules') {
              if (!state.canary.delete(key)) state.canary.add(key);
              hold.reroute();
            } else if (what === 'outage') state.away = !state.away;
            else if (what === 'jump') {
              state.aheadMs += ms;
              hold.resetTimers();
            } else await jest.advanceTimersByTimeAsync(Math.max(0, ms));
          }
          const inTime = operations.length % 2 === 0;
          if (inTime) hold.handBack();
          state.away = false;
          await jest.advanceTimersByTimeAsync(300_000);

          expect(holds()).toBe(0);
          expect(attempts.map((answered) => answered.length)).toEqual(attempts.map(() => 1));
          expect(swept.map((heard) => heard.length)).toEqual(swept.map(() => 1));
          expect(landedTwice).toEqual([]);
          expect(errors.filter((error) => (error as { code?: string }).code !== undefined)).toEqual([]);
          for (const [answer] of attempts) kinds.add(kindOf(answer));
          end();
          const stopped = hold.stop();
          await jest.advanceTimersByTimeAsync(30_000);
          await stopped;
        },
      ),
      { numRuns: RUNS },
    );
    // The control: each way to end has been gone.
    expect([...kinds].sort()).toEqual(
      lane === 'stable'
        ? ['PostdateHandedBack', 'PostdateNotDue', 'bad luck', 'decision', 'lane']
        : ['PostdateHandedBack', 'PostdateLaneFailed', 'PostdateNotDue', 'decision', 'lane'],
    );
  },
);
