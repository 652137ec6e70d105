import { ApplicationFailure } from '@temporalio/common';
import type { Decision, LedgerActivities, ScheduledMessage } from '../../src/contract';

type Answer = Pick<Decision, 'outcome' | 'next' | 'reason'>;

/**
 * The topic's activities without a database, so that a workflow test is about the workflow alone. The first decision
 * on a cycle stands, as in the real ledger. `answer` says what a delivery decides; it may throw.
 */
export function ledgerInMemory(answer: (message: ScheduledMessage) => Answer = () => ({ outcome: 'delivered' })) {
  const decisions = new Map<string, Decision>();
  const deliveries: { message: ScheduledMessage; late: boolean }[] = [];
  const decide = (message: ScheduledMessage, decided: () => Answer & { commandId?: string }): Decision => {
    const id = `${message.key}#${message.cycle}`;
    const decision = decisions.get(id) ?? { cycle: message.cycle, decidedAt: Date.now(), ...decided() };
    decisions.set(id, decision);
    return decision;
  };
  const activities: LedgerActivities = {
    async deliver(input) {
      deliveries.push(input);
      return decide(input.message, () => answer(input.message));
    },
    cancel: async ({ message, command }) =>
      decide(message, () => ({ outcome: 'cancelled', commandId: command.commandId, reason: command.reason })),
    move: async ({ message, command }) =>
      decide(message, () => ({
        outcome: 'moved',
        commandId: command.commandId,
        next: { cycle: command.cycle ?? message.cycle + 1, dueAt: command.dueAt },
      })),
  };
  return { activities, deliveries, decisions };
}

/** What a handler in trouble throws, over and over. */
export const trouble = () => ApplicationFailure.retryable('the database is away', 'Trouble');
