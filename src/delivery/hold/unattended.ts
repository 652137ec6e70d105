import { type Delivery, deliveryIdOf } from '../../message/contract';
import type { DatabaseClock } from '../../platform/database/clock';
import type { HeldMessages } from '../held/held-messages';

// By then its workflow has decided the command, or the sweep reads its history.
const LEFT_FOR_MS = 60_000;

/** The held messages for which no attempt waits: they were fetched by sets, or taken over. */
export function createUnattended(
  clock: Pick<DatabaseClock, 'now'>,
  messages: Pick<HeldMessages, 'all' | 'find' | 'settle'>,
) {
  const leftUntil = new Map<string, number>();
  return {
    /** Those of them that are due within so many ms. Overdue ones of the sweep are not among them: it has read their histories. */
    withoutAttempts(ms: number): Delivery[] {
      const to = clock.now() + ms;
      const found: Delivery[] = [];
      for (const { state, attempts, onSettled, delivery } of messages.all()) {
        if (state === 'held' && attempts.length === 0 && !onSettled && delivery.message.dueAt <= to)
          found.push(delivery);
      }
      return found;
    },
    /** Gives up a message that its workflow has to decide first. One that is landing already stays. */
    leaveToWorkflow(delivery: Delivery): void {
      const message = messages.find(delivery);
      if (message?.state !== 'held') return;
      const now = performance.now();
      for (const [id, until] of leftUntil) if (until < now) leftUntil.delete(id);
      leftUntil.set(message.id, now + LEFT_FOR_MS);
      messages.settle(message, { kind: 'commandWaits' });
    },
    /** Whether it was given up so: it is not to be fetched again. */
    isLeft: (delivery: Delivery): boolean => (leftUntil.get(deliveryIdOf(delivery)) ?? 0) > performance.now(),
  };
}
