import type { HeldMessage, Settlement } from '../../../src/delivery/held/held-message';
import { createHeldMessages } from '../../../src/delivery/held/held-messages';
import { createIntake } from '../../../src/delivery/hold/intake';
import type { Delivery } from '../../../src/message/contract';
import { effectMessage, effectTopic } from '../../support/effects';

const topic = effectTopic();
const deliveryOf = (dueInMs: number): Delivery => ({
  message: effectMessage(dueInMs, { leadMs: 60_000 }),
  late: false,
});

/** The intake of a worker, with a routing that only chooses, by what the test says. */
function intake({ stays = true }: { stays?: boolean } = {}) {
  const errors: unknown[] = [];
  const ends: Settlement[] = [];
  const written: Delivery[] = [];
  const clock = { now: () => Date.now() };
  const messages = createHeldMessages({ clock, onError: (error) => errors.push(error) });
  messages.on('settled', (_, settlement) => void ends.push(settlement));
  const routing = {
    routeToLanes(candidates: HeldMessage[]) {
      if (stays) return candidates;
      messages.leave(candidates);
      return [];
    },
    rerouteAfterChange: () => undefined,
  };
  const writer = { write: (delivery: Delivery) => void written.push(delivery) };
  const doors = createIntake(
    { clock, metrics: { neededLead: () => undefined } },
    {
      messages,
      places: { take: () => true, mayGiveUp: () => undefined },
      answerFromLedger: () => undefined,
      routing,
      writer,
    },
  );
  const rejected: unknown[] = [];
  const attempt = () => ({
    resolve: () => undefined,
    reject: (error: unknown) => void rejected.push(error),
    runClosed: async () => undefined,
    deadlineAt: Date.now() + 60_000,
  });
  return { ...doors, attempt, messages, errors, ends, written, rejected };
}

it('the same message twice in one take-over is held once', () => {
  const { takeOver, messages, errors } = intake();
  const delivery = deliveryOf(30_000);
  expect(takeOver(topic, [delivery, { ...delivery }])).toHaveLength(1);
  expect(takeOver(topic, [delivery])).toEqual([]);
  expect(messages.size()).toBe(1);
  expect(errors).toEqual([]);
  for (const message of messages.all()) messages.settle(message, { kind: 'handedBack', inMs: 1 });
});

it('a message that goes to another lane is neither held nor written down here', () => {
  const { keep, attempt, messages, written } = intake({ stays: false });
  keep(topic, deliveryOf(30_000), attempt());
  expect([...messages.all()].map(({ state }) => state)).toEqual(['leaving']);
  expect(written).toEqual([]);
});

it('a stopping worker leaves alone a message that is on its way to another lane, and hands it back when it stays', () => {
  const { keep, attempt, handBack, messages, errors, ends } = intake({ stays: false });
  keep(topic, deliveryOf(30_000), attempt());
  handBack();
  expect(ends).toEqual([]);
  const [message] = [...messages.all()] as [HeldMessage];
  messages.hold(message);
  expect(ends).toEqual([{ kind: 'handedBack', inMs: expect.any(Number) }]);
  expect(messages.size()).toBe(0);
  expect(errors).toEqual([]);
});

it('a stopping worker keeps a message that is due in a moment, and sends later ones back', () => {
  const { keep, attempt, handBack, messages, ends, rejected } = intake();
  keep(topic, deliveryOf(1_000), attempt());
  keep(topic, deliveryOf(30_000), attempt());
  handBack();
  expect(ends).toEqual([{ kind: 'handedBack', inMs: expect.any(Number) }]);
  keep(topic, deliveryOf(30_000), attempt());
  expect(rejected).toEqual([expect.objectContaining({ type: 'PostdateHandedBack' })]);
  expect(messages.size()).toBe(1);
  for (const message of messages.all()) messages.settle(message, { kind: 'handedBack', inMs: 1 });
});

it('a message that comes long overdue is of a backlog; one that was due before it was posted, or a moment ago, is not', () => {
  const { keep, takeOver, attempt, messages } = intake();
  const late = { ...deliveryOf(-60_000), late: true };
  const [moment, brought, taken] = [deliveryOf(-1_000), deliveryOf(-60_000), deliveryOf(-60_000)];
  for (const delivery of [late, moment, brought]) keep(topic, delivery, attempt());
  takeOver(topic, [taken], () => undefined);
  const flags = [late, moment, brought, taken].map((delivery) => messages.find(delivery)?.ofBacklog);
  expect(flags).toEqual([false, false, true, true]);
  for (const message of messages.all()) messages.settle(message, { kind: 'handedBack', inMs: 1 });
});
