import { ApplicationFailure } from '@temporalio/common';
import type { Delivery, LedgerActivities, ScheduledMessage } from '../../src/message/contract';
import type { Decision } from '../../src/message/decision';

type Answer = Pick<Decision, 'outcome' | 'next' | 'reason'>;

/**
 * The topic's activities without a database, so that a workflow test is about the workflow alone. The first decision
 * on a cycle stands, and a command that won once is known by its id, as in the real ledger. `answer` says what a delivery decides; it may throw.
 */
export function ledgerInMemory(answer: (message: ScheduledMessage) => Answer = () => ({ outcome: 'delivered' })) {
  const decisions = new Map<string, Decision>();
  const ofMessage = ({ key }: ScheduledMessage) =>
    [...decisions].filter(([id]) => id.startsWith(`${key}#`)).map(([, decision]) => decision);
  const deliveries: Delivery[] = [];
  const decide = (message: ScheduledMessage, decided: () => Answer, commandId?: string): Decision => {
    const id = `${message.key}#${message.cycle}`;
    const ofCommand = ofMessage(message).find((decision) => commandId && decision.commandId === commandId);
    const known = ofCommand ?? decisions.get(id);
    if (known) return known;
    const decision = { cycle: message.cycle, decidedAt: Date.now(), commandId, ...decided() };
    decisions.set(id, decision);
    return decision;
  };
  const activities: LedgerActivities = {
    async deliver(input) {
      deliveries.push(input);
      return decide(input.message, () => answer(input.message));
    },
    cancel: async ({ message, command }) =>
      decide(message, () => ({ outcome: 'cancelled', reason: command.reason }), command.commandId),
    move: async ({ message, command }) =>
      decide(
        message,
        () => ({ outcome: 'moved', next: { cycle: command.cycle ?? message.cycle + 1, dueAt: command.dueAt } }),
        command.commandId,
      ),
  };
  return { activities, deliveries, decisions };
}

/** What a handler in trouble throws, over and over. */
export const trouble = () => ApplicationFailure.retryable('the database is away', 'Trouble');
