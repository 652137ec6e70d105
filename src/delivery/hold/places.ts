import type { Delivery } from '../../message/contract';
import type { DatabaseClock } from '../../platform/database/clock';
import { addInOrder, emptyQueue, firstOf, lastOf, takeFirst, takeLast } from '../../platform/loops/ordered-queue';
import type { HeldMessage } from '../held/held-message';
import type { HeldMessages } from '../held/held-messages';
import type { Queues } from '../landing/queues';

// A message that is due later than this can wait in Temporal for a due message of another tenant.
const SOON_MS = 5_000;

const dueAtOf = ({ delivery }: HeldMessage): number => delivery.message.dueAt;
const tenantOf = ({ message }: Delivery): string => `${message.topic}:${message.tenant}`;

/**
 * The places of a worker's hold: one for each message for which an attempt waits, at most `limit`. When all are taken, a place
 * goes to the message that is due sooner, of whatever topic and tenant; among those due at one instant, to the tenant with
 * fewer. If all that are held are due, it comes from the tenant with the longest backlog. The other message goes back to
 * Temporal, and comes again in time. A message that was taken over needs no place until an attempt comes: Temporal does not
 * bring it again.
 */
export function createPlaces(
  { clock, onFull }: { clock: Pick<DatabaseClock, 'now'>; onFull(): void },
  limit: number,
  messages: Pick<HeldMessages, 'on' | 'settle'>,
  queues: Pick<Queues, 'giveUpOne'>,
) {
  // Of those that may give up their places. One that has gone on meanwhile is left out when its turn comes.
  const held = emptyQueue<HeldMessage>();
  const takenBy = new Map<string, number>();
  let taken = 0;
  const isHeld = ({ state, attempts }: HeldMessage) => state === 'held' && attempts.length > 0;

  messages.on('held', (message) => mayGiveUp(message));
  messages.on('due', forgetLanded);
  messages.on('settled', ({ attempts, delivery }) => {
    if (attempts.length > 0) count(delivery, -1);
  });

  function mayGiveUp(message: HeldMessage): void {
    if (!isHeld(message)) return;
    forgetLanded();
    addInOrder(held, message, dueAtOf);
  }

  function forgetLanded(): void {
    for (let first = firstOf(held); first && !isHeld(first); first = firstOf(held)) takeFirst(held);
  }

  function count(delivery: Delivery, change: 1 | -1): void {
    const tenant = tenantOf(delivery);
    const ofTenant = (takenBy.get(tenant) ?? 0) + change;
    taken += change;
    if (ofTenant === 0) takenBy.delete(tenant);
    else takenBy.set(tenant, ofTenant);
  }

  /** The held message that has to give up its place for this one. */
  function latestAfter(delivery: Delivery): HeldMessage | undefined {
    for (let last = lastOf(held); last && !isHeld(last); last = lastOf(held)) takeLast(held);
    const latest = lastOf(held);
    if (!latest) return undefined;
    const laterMs = dueAtOf(latest) - delivery.message.dueAt;
    return laterMs > 0 || (laterMs === 0 && hasMore(latest.delivery, delivery)) ? takeLast(held) : undefined;
  }

  const ofTenant = (delivery: Delivery): number => takenBy.get(tenantOf(delivery)) ?? 0;
  // By more than one: else the two would take the place from each other in turn.
  const hasMore = (one: Delivery, other: Delivery) => ofTenant(one) > ofTenant(other) + 1;

  /** Takes a place for a message that is due in `inMs`. False if all are taken by messages that need them more. */
  function take(delivery: Delivery, inMs: number): boolean {
    if (taken >= limit) {
      onFull();
      const mayGo = ({ delivery: other }: HeldMessage) => hasMore(other, delivery);
      const other = latestAfter(delivery) ?? (inMs < SOON_MS ? queues.giveUpOne(mayGo) : undefined);
      if (!other) return false;
      messages.settle(other, { kind: 'madeRoom', inMs: dueAtOf(other) - clock.now() });
    }
    count(delivery, 1);
    return true;
  }

  return { take, mayGiveUp };
}

export type Places = ReturnType<typeof createPlaces>;
