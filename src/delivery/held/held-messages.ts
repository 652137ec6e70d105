import { type Delivery, deliveryIdOf } from '../../message/contract';
import type { DatabaseClock } from '../../platform/database/clock';
import { withErrorContext } from '../../platform/telemetry/error-context';
import type { Topic } from '../../topics/topic';
import { createDueTimes } from './due-times';
import type { HeldMessage, Settlement } from './held-message';
import { AlreadyHeld, ForbiddenTransition, type State, TRANSITIONS } from './states';

/** Why a message cannot land in this lane: the topic's rules have changed, or the lane has failed at it. */
export type RerouteCause = { kind: 'rulesChanged' } | { kind: 'failed'; error: unknown };

/** The events of the store, each after its transition. */
export interface HeldEvents {
  /** A message is held. `from`: its state before. */
  held: [message: HeldMessage, from: State];
  /** All messages of one instant are due, and are landing now. */
  due: [messages: HeldMessage[]];
  rerouting: [messages: HeldMessage[], cause: RerouteCause];
  settled: [message: HeldMessage, settlement: Settlement];
}

/**
 * The messages that this worker holds, with their states and due times. The parts that hold, land and route messages share
 * this store. They call it to move a message on, and it notifies the others. A transition that is not allowed is
 * reported to `onError`, and changes nothing; so is a listener that throws. Neither affects another message.
 */
export function createHeldMessages({
  clock,
  onError,
}: {
  clock: Pick<DatabaseClock, 'now'>;
  onError(error: unknown): void;
}) {
  const messages = new Map<string, HeldMessage>();
  const counts = new Map<Topic, number>();
  const listeners: { [Event in keyof HeldEvents]: ((...args: HeldEvents[Event]) => void)[] } = {
    held: [],
    due: [],
    rerouting: [],
    settled: [],
  };
  const dueTimes = createDueTimes<HeldMessage>(clock, (due) => {
    const landing = moved(due, 'landing');
    if (landing.length > 0) notify('due', landing);
  });

  function notify<Event extends keyof HeldEvents>(event: Event, ...args: HeldEvents[Event]): void {
    for (const listener of listeners[event]) isolated(() => listener(...args));
  }

  function isolated(call: () => void): void {
    try {
      call();
    } catch (error) {
      onError(error);
    }
  }

  /** Moves a message to this state; false if that is not allowed. */
  function move(message: HeldMessage, to: State): boolean {
    const { id, topic, state: from, delivery } = message;
    const known = from !== 'new' || !messages.has(id);
    if (!known || TRANSITIONS[from][to] === undefined) {
      const fault = known ? new ForbiddenTransition(from, to) : new AlreadyHeld();
      onError(withErrorContext(fault, delivery.message));
      return false;
    }
    message.state = to;
    if (from === 'new') {
      messages.set(id, message);
      counts.set(topic, countOf(topic) + 1);
    }
    if (from === 'held') dueTimes.remove(delivery.message.dueAt, message);
    if (to === 'settled') {
      messages.delete(id);
      counts.set(topic, countOf(topic) - 1);
    }
    return true;
  }

  const moved = (some: HeldMessage[], to: State): HeldMessage[] => some.filter((message) => move(message, to));
  const countOf = (topic: Topic): number => counts.get(topic) ?? 0;

  return {
    /** Has a listener called at each of these events, in the order of their transitions. */
    on<Event extends keyof HeldEvents>(event: Event, listener: (...args: HeldEvents[Event]) => void): void {
      listeners[event].push(listener);
    },
    find: (delivery: Delivery): HeldMessage | undefined => messages.get(deliveryIdOf(delivery)),
    all: (): Iterable<HeldMessage> => messages.values(),
    size: (): number => messages.size,
    /** How many messages of a topic are in the store, in any state. */
    countOf,
    /** Holds a message until it is due, and for `soonestMs` at least. False if it was refused. */
    hold(message: HeldMessage, wait?: { soonestMs: number }): boolean {
      const from = message.state;
      if (!move(message, 'held')) return false;
      dueTimes.add(message.delivery.message.dueAt, message, wait);
      notify('held', message, from);
      return true;
    },
    /** Has the lane of landing messages chosen anew. */
    reroute(some: HeldMessage[], cause: RerouteCause): void {
      const rerouting = moved(some, 'rerouting');
      if (rerouting.length > 0) notify('rerouting', rerouting, cause);
    },
    /** Keeps messages from landing while they are left to another lane; returns those that may leave. */
    leave: (some: HeldMessage[]): HeldMessage[] => moved(some, 'leaving'),
    /** Ends a message here. */
    settle(message: HeldMessage, settlement: Settlement): void {
      if (!move(message, 'settled')) return;
      notify('settled', message, settlement);
      isolated(() => message.onSettled?.(message.delivery, settlement));
    },
    resetTimers: dueTimes.resetTimers,
  };
}

export type HeldMessages = ReturnType<typeof createHeldMessages>;
