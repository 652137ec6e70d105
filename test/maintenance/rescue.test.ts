import type { OnSettled } from '../../src/delivery/held/held-message';
import { createRescue } from '../../src/maintenance/rescue';
import type { Delivery } from '../../src/message/contract';
import { effectMessage, effectTopic } from '../support/effects';
import { silentLog } from '../support/silent-log';

const topic = effectTopic();
const batchOf = (size: number): Delivery[] =>
  Array.from({ length: size }, () => ({ message: effectMessage(-60_000), late: false }));

/** A rescue of which the test says what becomes of the messages in the hold. */
function rescueWith({ taken = (deliveries: Delivery[]) => deliveries } = {}) {
  const rescued: string[] = [];
  let onSettled: OnSettled | undefined;
  const hold = {
    takeOver(_: unknown, deliveries: Delivery[], settled?: OnSettled) {
      onSettled = settled;
      return taken(deliveries);
    },
  };
  const metrics = { rescued: (_: string, reason: string) => void rescued.push(reason) };
  const rescue = createRescue({ metrics, log: silentLog }, hold, topic, { everyMs: 1_000 });
  const settleAs = (kind: 'decided' | 'before' | 'failed') => (delivery: Delivery) => {
    const decision = { cycle: 1, outcome: 'delivered' as const, decidedAt: Date.now() };
    if (kind === 'failed') onSettled?.(delivery, { kind: 'failed', error: new Error('no') });
    else onSettled?.(delivery, { kind: 'decided', decision, before: kind === 'before' ? true : undefined });
  };
  return { ...rescue, rescued, settleAs };
}

/** Whether a promise has resolved, when all that was ready has run. */
const isOver = async (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);

it('the next batch waits until most of the last one has landed', async () => {
  const { land, settleAs, rescued } = rescueWith();
  const batch = batchOf(10);
  const landing = land(batch, 'notDelivered');
  batch.slice(0, 7).forEach(settleAs('decided'));
  expect(await isOver(landing)).toBe(false);
  batch.slice(7, 8).forEach(settleAs('decided'));
  expect(await isOver(landing)).toBe(true);
  expect(rescued).toEqual(Array(8).fill('notDelivered'));
});

it('a batch of which nothing was missing is over at once', async () => {
  const { land } = rescueWith({ taken: () => [] });
  expect(await isOver(land(batchOf(10), 'notHeld'))).toBe(true);
});

it('full batches that land quickly make the next one larger, up to 500; a few messages do not', async () => {
  const { land, settleAs, batch } = rescueWith();
  const first = batch();
  const landQuickly = async (size: number) => {
    const some = batchOf(size);
    const landing = land(some, 'notDelivered');
    some.forEach(settleAs('decided'));
    await landing;
    return batch();
  };
  expect(await landQuickly(1)).toBe(first);
  expect(await landQuickly(first)).toBe(2 * first);
  for (let rounds = 0; rounds < 5; rounds += 1) await landQuickly(batch());
  expect(batch()).toBe(500);
});

it('a message that fails backs off and is no rescue; one that had landed before is none either', async () => {
  const { land, settleAs, backoff, rescued } = rescueWith();
  const [failing, before] = batchOf(2) as [Delivery, Delivery];
  const landing = land([failing, before], 'notHeld');
  settleAs('failed')(failing);
  settleAs('before')(before);
  await landing;
  expect(backoff.backingOff()).toEqual([failing.message]);
  expect(rescued).toEqual([]);
});
