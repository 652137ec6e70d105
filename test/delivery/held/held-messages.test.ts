import { readFile } from 'node:fs/promises';
import type { HeldMessage, Settlement } from '../../../src/delivery/held/held-message';
import { newHeldMessage } from '../../../src/delivery/held/held-message';
import { createHeldMessages, type HeldMessages } from '../../../src/delivery/held/held-messages';
import { type State, TRANSITIONS } from '../../../src/delivery/held/states';
import { errorContextOf } from '../../../src/platform/telemetry/error-context';
import { effectMessage, effectTopic } from '../../support/effects';

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

const DUE_IN_MS = 5_000;
const topic = effectTopic();
const decided: Settlement = { kind: 'decided', decision: { cycle: 1, outcome: 'delivered', decidedAt: 1 } };

const newMessage = (fields: Partial<Parameters<typeof newHeldMessage>[2]> = {}, of = topic): HeldMessage =>
  newHeldMessage(of, { message: effectMessage(DUE_IN_MS), late: false }, { heldWhenDue: true, ...fields });

/** A store, with all that it has told and reported. */
function store() {
  const errors: unknown[] = [];
  const events: unknown[][] = [];
  const messages = createHeldMessages({ clock: { now: () => Date.now() }, onError: (error) => errors.push(error) });
  for (const event of ['held', 'due', 'rerouting', 'settled'] as const) {
    messages.on(event, (...args: unknown[]) => void events.push([event, ...args]));
  }
  return { messages, errors, events };
}

/** What is called to bring a message into a state. Nothing can be called for `landing`: only its due time does that. */
const enter: Record<Exclude<State, 'new'>, (messages: HeldMessages, message: HeldMessage) => void> = {
  held: (messages, message) => void messages.hold(message),
  landing: () => void jest.advanceTimersByTime(DUE_IN_MS),
  rerouting: (messages, message) => messages.reroute([message], { kind: 'rulesChanged' }),
  leaving: (messages, message) => void messages.leave([message]),
  settled: (messages, message) => messages.settle(message, decided),
};
const pathTo: Record<State, Exclude<State, 'new'>[]> = {
  new: [],
  held: ['held'],
  landing: ['held', 'landing'],
  rerouting: ['held', 'landing', 'rerouting'],
  leaving: ['leaving'],
  settled: ['held', 'settled'],
};
function messageIn(state: State, messages: HeldMessages): HeldMessage {
  const message = newMessage();
  for (const step of pathTo[state]) enter[step](messages, message);
  expect(message.state).toBe(state);
  return message;
}

// Written out, and not read from the table: a transition that is added there has to be meant.
const ALLOWED: [State, Exclude<State, 'new'>][] = [
  ['new', 'held'],
  ['new', 'leaving'],
  ['held', 'landing'],
  ['held', 'leaving'],
  ['held', 'settled'],
  ['landing', 'held'],
  ['landing', 'rerouting'],
  ['landing', 'settled'],
  ['rerouting', 'held'],
  ['rerouting', 'leaving'],
  ['leaving', 'held'],
  ['leaving', 'settled'],
];
const states = Object.keys(pathTo) as State[];
const targets = Object.keys(enter) as Exclude<State, 'new'>[];
const FORBIDDEN = states
  .flatMap((from) => targets.map((to) => [from, to] as const))
  .filter(([from, to]) => !ALLOWED.some((one) => one[0] === from && one[1] === to));

it('the table has these transitions, and docs/design.md draws them with the same words', async () => {
  const table = states.flatMap((from) => Object.entries(TRANSITIONS[from]).map(([to, cause]) => ({ from, to, cause })));
  expect(table.map(({ from, to }) => [from, to])).toEqual(ALLOWED);
  const page = await readFile('docs/design.md', 'utf8');
  const [diagram = ''] = page
    .split('```mermaid\n')
    .slice(1)
    .map((rest) => rest.split('```')[0]);
  const drawn = [...diagram.matchAll(/^ *(\S+) --> (\S+): (.*)$/gm)].map(([, from, to, cause]) => ({
    from,
    to,
    cause,
  }));
  expect(drawn.filter(({ to }) => to !== '[*]')).toEqual(
    table.map((one) => ({ ...one, from: one.from === 'new' ? '[*]' : one.from })),
  );
});

it.each(ALLOWED)('a message can go from %s to %s, and is in the store until it is settled', (from, to) => {
  const { messages, errors } = store();
  const message = messageIn(from, messages);
  enter[to](messages, message);
  expect(message.state).toBe(to);
  expect(messages.find(message.delivery)).toBe(to === 'settled' ? undefined : message);
  expect(messages.size()).toBe(to === 'settled' ? 0 : 1);
  expect(messages.countOf(topic)).toBe(messages.size());
  expect(errors).toEqual([]);
});

it.each(FORBIDDEN.filter(([, to]) => to !== 'landing'))(
  'a message cannot go from %s to %s: that is reported with its name, and changes nothing',
  (from, to) => {
    const { messages, errors, events } = store();
    const message = messageIn(from, messages);
    const before = { size: messages.size(), timers: jest.getTimerCount(), events: events.length };
    enter[to](messages, message);
    expect(message.state).toBe(from);
    expect({ size: messages.size(), timers: jest.getTimerCount(), events: events.length }).toEqual(before);
    expect(errors).toEqual([
      expect.objectContaining({ name: 'ForbiddenTransition', code: 'forbiddenTransition', from, to }),
    ]);
    expect(errorContextOf(errors[0])).toMatchObject({ key: message.delivery.message.key });
  },
);

it.each(FORBIDDEN.filter(([, to]) => to === 'landing'))(
  'a message that is %s does not begin %s at its due time',
  (from) => {
    const { messages, errors, events } = store();
    const message = messageIn(from, messages);
    events.length = 0;
    jest.advanceTimersByTime(DUE_IN_MS);
    expect(message.state).toBe(from);
    expect(events).toEqual([]);
    expect(errors).toEqual([]);
  },
);

it('a second message of the same cycle is refused and reported; the first one stays', () => {
  const { messages, errors } = store();
  const first = messageIn('held', messages);
  const second = newHeldMessage(topic, first.delivery, { heldWhenDue: true });
  expect(messages.hold(second)).toBe(false);
  expect(messages.leave([second])).toEqual([]);
  expect(errors).toEqual([1, 2].map(() => expect.objectContaining({ code: 'alreadyHeld' })));
  expect(messages.find(first.delivery)).toBe(first);
  expect(messages.size()).toBe(1);
  messages.settle(first, decided);
  expect(messages.hold(second)).toBe(true);
});

it('of several messages the refused one is reported, and the others go on', () => {
  const { messages, errors, events } = store();
  const [one, other] = [newMessage(), newMessage()];
  messages.hold(one);
  messages.hold(other);
  jest.advanceTimersByTime(DUE_IN_MS);
  messages.settle(one, decided);
  events.length = 0;
  messages.reroute([one, other], { kind: 'rulesChanged' });
  expect(events).toEqual([['rerouting', [other], { kind: 'rulesChanged' }]]);
  expect(errors).toEqual([expect.objectContaining({ code: 'forbiddenTransition' })]);
});

it('all messages of one instant come due in one event', () => {
  const { messages, events } = store();
  const due = Array.from({ length: 1_000 }, () => newMessage());
  for (const message of due) messages.hold(message);
  expect(jest.getTimerCount()).toBe(1);
  events.length = 0;
  jest.advanceTimersByTime(DUE_IN_MS);
  expect(events).toEqual([['due', due]]);
});

it('a listener that throws is reported, and holds up neither the other listeners nor the other messages', () => {
  const { messages, errors } = store();
  const seen: HeldMessage[] = [];
  const bad = newMessage({
    onSettled: () => {
      throw new Error('bad luck of its own');
    },
  });
  const good = newMessage();
  messages.on('settled', (message) => {
    if (message === bad) throw new Error('bad luck');
  });
  messages.on('settled', (message) => void seen.push(message));
  for (const message of [bad, good]) {
    messages.hold(message);
    messages.settle(message, decided);
  }
  expect(seen).toEqual([bad, good]);
  expect(errors.map((error) => (error as Error).message)).toEqual(['bad luck', 'bad luck of its own']);
  expect(messages.size()).toBe(0);
});

it('who asked for a message hears once how it ended', () => {
  const { messages } = store();
  const heard: unknown[] = [];
  const message = newMessage({ onSettled: (delivery, settlement) => heard.push([delivery, settlement]) });
  messages.hold(message);
  messages.settle(message, decided);
  messages.settle(message, decided);
  expect(heard).toEqual([[message.delivery, decided]]);
});

it('the messages of each topic are counted by themselves', () => {
  const { messages } = store();
  const other = effectTopic();
  const held = [newMessage(), newMessage(), newMessage({}, other)];
  for (const message of held) messages.hold(message);
  expect([messages.countOf(topic), messages.countOf(other), messages.size()]).toEqual([2, 1, 3]);
  messages.settle(held[0] as HeldMessage, decided);
  expect([messages.countOf(topic), messages.countOf(other), messages.size()]).toEqual([1, 1, 2]);
});
