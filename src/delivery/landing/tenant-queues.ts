import {
  addInOrder,
  emptyQueue,
  lastOf,
  type OrderedQueue,
  orderedQueueOf,
  sizeOf,
  takeFirst,
  takeLast,
} from '../../platform/loops/ordered-queue';
import type { HeldMessage } from '../held/held-message';

// Later than any due time: behind all that is due now.
const BEHIND = 1e15;
const orderOf = ({ delivery, ofBacklog }: HeldMessage): number => delivery.message.dueAt + (ofBacklog ? BEHIND : 0);

/**
 * The due messages of one topic that wait to land. Its tenants take turns, one message a turn, each with its earliest due
 * first and the backlog of an outage last: a tenant with one message waits for one message of each other tenant, however many
 * those have, and a message that is due now does not wait for the backlog of its own tenant.
 */
export function createTenantQueues() {
  // In the order of the tenants' next turns.
  const tenants = new Map<string, OrderedQueue<HeldMessage>>();
  let size = 0;

  return {
    size: (): number => size,
    add(message: HeldMessage): void {
      const { tenant } = message.delivery.message;
      const queue = tenants.get(tenant);
      if (queue) addInOrder(queue, message, orderOf);
      else tenants.set(tenant, orderedQueueOf(message));
      size += 1;
    },
    /** Takes the next messages, at most so many. */
    take(count: number): HeldMessage[] {
      const taken: HeldMessage[] = [];
      // A tenant that is added again comes round again in the same loop.
      for (const [tenant, queue] of tenants) {
        if (taken.length === count) break;
        tenants.delete(tenant);
        if (sizeOf(queue) > 1) tenants.set(tenant, queue);
        taken.push(takeFirst(queue) as HeldMessage);
      }
      size -= taken.length;
      return taken;
    },
    /** Takes the last message of the tenant that has the most, if it may go. Costs a look at each tenant. */
    giveUpOne(mayGo: (message: HeldMessage) => boolean): HeldMessage | undefined {
      let longest = emptyQueue<HeldMessage>();
      for (const queue of tenants.values()) if (sizeOf(queue) > sizeOf(longest)) longest = queue;
      const last = lastOf(longest);
      if (!last || !mayGo(last)) return undefined;
      takeLast(longest);
      if (sizeOf(longest) === 0) tenants.delete(last.delivery.message.tenant);
      size -= 1;
      return last;
    },
  };
}

export type TenantQueues = ReturnType<typeof createTenantQueues>;
