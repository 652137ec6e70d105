import { workflowIdOf } from '../../message/contract';
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
import { createTurnOrder } from '../../platform/loops/turn-order';
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
  const tenants = createTurnOrder<OrderedQueue<HeldMessage>>();
  let size = 0;

  function add(message: HeldMessage): void {
    const { tenant } = message.delivery.message;
    const queue = tenants.lineOf(tenant);
    if (queue) addInOrder(queue, message, orderOf);
    else tenants.join(tenant, orderedQueueOf(message));
    size += 1;
  }

  return {
    size: (): number => size,
    add,
    /**
     * Takes the next messages, at most so many, and of one message one cycle: a set-based handler knows its rows by their
     * keys, and could not tell two cycles apart. The later cycle waits for the next group.
     */
    take(count: number): HeldMessage[] {
      const taken: HeldMessage[] = [];
      const names = new Set<string>();
      const laterCycles: HeldMessage[] = [];
      for (const [tenant, queue] of tenants.inTurn()) {
        if (taken.length === count) break;
        const message = takeFirst(queue) as HeldMessage;
        tenants.hadTurn(tenant, sizeOf(queue) > 0 ? queue : undefined);
        const name = workflowIdOf(message.delivery.message);
        if (names.has(name)) laterCycles.push(message);
        else taken.push(message);
        names.add(name);
      }
      size -= taken.length + laterCycles.length;
      laterCycles.forEach(add);
      return taken;
    },
    /** Takes the last message of the tenant that has the most, if it may go. Costs a look at each tenant. */
    giveUpOne(mayGo: (message: HeldMessage) => boolean): HeldMessage | undefined {
      let longest = emptyQueue<HeldMessage>();
      for (const [, queue] of tenants.inTurn()) if (sizeOf(queue) > sizeOf(longest)) longest = queue;
      const last = lastOf(longest);
      if (!last || !mayGo(last)) return undefined;
      takeLast(longest);
      if (sizeOf(longest) === 0) tenants.leave(last.delivery.message.tenant);
      size -= 1;
      return last;
    },
  };
}
