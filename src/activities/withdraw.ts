import { Context } from '@temporalio/activity';
import type { Pool } from 'pg';
import type { LedgerActivities, ScheduledMessage } from '../contract';
import { inTransaction } from '../database';
import type { Decision } from '../decision';
import { recordWithdrawal, type Withdrawal } from '../ledger';

/** Cancel and move: both burn the message's cycle in the ledger, unless it has been decided before. */
export function createWithdraw({ pool }: { pool: Pool }): Pick<LedgerActivities, 'cancel' | 'move'> {
  const burn = (message: ScheduledMessage, withdrawal: Withdrawal): Promise<Decision> =>
    // It may wait for a landing that is under way; a stopping worker gives it up like a landing.
    inTransaction(pool, (tx) => recordWithdrawal(tx, message, withdrawal), {
      signal: Context.current().cancellationSignal,
    });
  return {
    cancel: ({ message, command: { commandId, reason } }) => burn(message, { outcome: 'cancelled', commandId, reason }),
    move: ({ message, command: { commandId, cycle = message.cycle + 1, dueAt } }) =>
      burn(message, { outcome: 'moved', commandId, next: { cycle, dueAt } }),
  };
}
