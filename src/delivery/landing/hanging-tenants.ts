import type { HeldMessage } from '../held/held-message';

// A handler that hangs for one message of a tenant often does so for the next, while what it waits for is away.
const APART_FOR_MS = 60_000;

const nameOf = ({ topic, delivery }: HeldMessage): string => `${topic.name}:${delivery.message.tenant}`;

/**
 * The tenants of topics with a message at which the handler hung lately. Their messages are landed apart from those of other
 * tenants: each that hangs would have its whole group wait for the handler's time-out.
 */
export function createHangingTenants() {
  const untilMs = new Map<string, number>();
  return {
    add: (message: HeldMessage): void => void untilMs.set(nameOf(message), performance.now() + APART_FOR_MS),
    has(message: HeldMessage): boolean {
      const until = untilMs.get(nameOf(message));
      if (until === undefined) return false;
      if (performance.now() < until) return true;
      untilMs.delete(nameOf(message));
      return false;
    },
  };
}
