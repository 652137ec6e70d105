import fc from 'fast-check';
import { type HeldMessage, newHeldMessage, type Settlement } from '../../../src/delivery/held/held-message';
import { createHeldMessages } from '../../../src/delivery/held/held-messages';
import { effectMessage, effectTopic } from '../../support/effects';

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

const RUNS = 300;
const MESSAGES = 5;
const topics = [effectTopic(), effectTopic()];
const decided: Settlement = { kind: 'decided', decision: { cycle: 1, outcome: 'delivered', decidedAt: 1 } };

const operation = fc.record({
  // What is asked for most often is what a worker does most often.
  what: fc.constantFrom(
    'offer',
    'offer',
    'offer elsewhere',
    'hold',
    'leave',
    'reroute',
    'settle',
    'settle',
    'wait',
    'wait',
    'jump',
  ),
  which: fc.nat(MESSAGES - 1),
  ms: fc.constantFrom(0, 300, 1_000, 5_000),
});

/** A store with the clock that it runs by, and what it has told of each message, in order. */
function watchedStore() {
  let aheadMs = 0;
  const clock = { now: () => Date.now() + aheadMs };
  const errors: unknown[] = [];
  const told = new Map<HeldMessage, string[]>();
  const early: HeldMessage[] = [];
  const messages = createHeldMessages({ clock, onError: (error) => errors.push(error) });
  const note = (event: string, message: HeldMessage) => told.set(message, [...(told.get(message) ?? []), event]);
  messages.on('held', (message) => void note('held', message));
  messages.on('due', (due) => {
    for (const message of due) {
      note('due', message);
      if (message.delivery.message.dueAt > clock.now()) early.push(message);
    }
  });
  messages.on('rerouting', (rerouting) => rerouting.forEach((message) => void note('rerouting', message)));
  messages.on('settled', (message) => void note('settled', message));
  const jump = (ms: number) => {
    aheadMs += ms;
    messages.resetTimers();
  };
  return { messages, errors, told, early, jump };
}

it('whatever is asked in whatever order, no message is lost, none comes twice, and each ends once', () => {
  let refused = 0;
  const sequence = fc.array(operation, { minLength: 5, maxLength: 60 });
  fc.assert(
    fc.property(sequence, (operations) => {
      const { messages, errors, told, early, jump } = watchedStore();
      const slots: (HeldMessage | undefined)[] = [];
      const accepted = new Set<HeldMessage>();

      for (const { what, which, ms } of operations) {
        const known = slots[which];
        const offered = { errors: errors.length, told: [...told.values()].flat().length };
        if (what.startsWith('offer')) {
          const message = effectMessage(ms, { key: `key-${which}` });
          const topic = topics[which % 2] as (typeof topics)[0];
          const fresh = newHeldMessage(topic, { message, late: false }, { heldWhenDue: true });
          const before = messages.find(fresh.delivery);
          // The same cycle again: refused as long as the first is here.
          const taken = what === 'offer' ? messages.hold(fresh) : messages.leave([fresh]).length === 1;
          expect(taken).toBe(before === undefined);
          if (before === undefined) accepted.add(fresh);
          else expect(errors.length).toBe(offered.errors + 1);
          slots[which] = before ?? fresh;
        } else if (what === 'wait') jest.advanceTimersByTime(ms);
        else if (what === 'jump') jump(ms - 1_000);
        else if (known) {
          if (what === 'hold') messages.hold(known, { soonestMs: ms });
          if (what === 'leave') messages.leave([known]);
          if (what === 'reroute') messages.reroute([known], { kind: 'rulesChanged' });
          if (what === 'settle') messages.settle(known, decided);
        }
        if (errors.length > offered.errors) {
          refused += 1;
          // What is refused is told once, and has no other effect.
          expect(errors.length).toBe(offered.errors + 1);
          expect([...told.values()].flat().length).toBe(offered.told);
        }
        const open = [...accepted].filter((message) => !told.get(message)?.includes('settled'));
        expect(new Set(messages.all())).toEqual(new Set(open));
        expect(messages.size()).toBe(open.length);
        for (const topic of topics) {
          expect(messages.countOf(topic)).toBe(open.filter((message) => message.topic === topic).length);
        }
      }

      // As the parts of a worker do in the end: whatever is due lands, and whatever hangs in between goes on.
      for (let rounds = 0; messages.size() > 0; rounds += 1) {
        expect(rounds).toBeLessThan(4);
        jest.advanceTimersByTime(120_000);
        for (const message of [...messages.all()]) {
          if (message.state === 'rerouting') messages.hold(message);
          else messages.settle(message, decided);
        }
      }
      expect(jest.getTimerCount()).toBe(0);
      expect(early).toEqual([]);
      expect(new Set(told.keys())).toEqual(accepted);
      for (const events of told.values()) {
        expect(events.filter((event) => event === 'settled')).toHaveLength(1);
        expect(events.at(-1)).toBe('settled');
        // It lands once each time that it is held, and never without.
        expect(events.join(' ')).not.toMatch(/due( rerouting)* due/);
      }
    }),
    { numRuns: RUNS },
  );
  // The control: the sequences did ask for what is not allowed.
  expect(refused).toBeGreaterThan(RUNS);
});
