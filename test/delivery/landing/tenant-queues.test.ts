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
