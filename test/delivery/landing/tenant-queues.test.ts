import { newHeldMessage } from '../../../src/delivery/held/held-message';
import { createTenantQueues } from '../../../src/delivery/landing/tenant-queues';
import { effectMessage, effectTopic } from '../../support/effects';

const topic = effectTopic();
const held = (key: string, dueInMs: number, { tenant = 'acme', ofBacklog = false } = {}) =>
  newHeldMessage(
    topic,
    { message: effectMessage(dueInMs, { key, tenant }), late: false },
    { heldWhenDue: true, ofBacklog },
  );

function taken(...messages: ReturnType<typeof held>[]): string[] {
  const queues = createTenantQueues();
  for (const message of messages) queues.add(message);
  return queues.take(messages.length).map(({ delivery }) => delivery.message.key);
}

it('a tenant lands what is due now before the backlog of an outage, each by its due time', () => {
  const backlog = [held('old', -60_000, { ofBacklog: true }), held('older', -90_000, { ofBacklog: true })];
  expect(taken(...backlog, held('now', 0), held('a moment ago', -500))).toEqual([
    'a moment ago',
    'now',
    'older',
    'old',
  ]);
});

it('the backlog of one tenant and the present messages of another have their turns', () => {
  const backlog = ['1', '2', '3'].map((key) => held(key, -60_000, { ofBacklog: true }));
  const present = ['a', 'b'].map((key) => held(key, 0, { tenant: 'globex' }));
  expect(taken(...backlog, ...present)).toEqual(['1', 'a', '2', 'b', '3']);
});

it('of one message a group has one cycle, the first that is due; another has its place in the next group', () => {
  const cycleOf = (cycle: number, dueInMs: number) => {
    const message = { ...effectMessage(dueInMs, { key: 'moved', tenant: 'acme' }), cycle };
    return newHeldMessage(topic, { message, late: false }, { heldWhenDue: true, ofBacklog: false });
  };
  const queues = createTenantQueues();
  // The control: the same key of another tenant is another message.
  for (const message of [cycleOf(2, -500), cycleOf(1, -1_000), held('moved', 0, { tenant: 'globex' })])
    queues.add(message);
  const take = () => queues.take(10).map(({ delivery: { message } }) => `${message.tenant} ${message.cycle}`);
  expect(take().sort()).toEqual(['acme 1', 'globex 1']);
  expect(queues.size()).toBe(1);
  expect(take()).toEqual(['acme 2']);
  expect(queues.size()).toBe(0);
});
