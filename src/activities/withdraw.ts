import type { Pool } from 'pg';
import type { LedgerActivities } from '../contract';
import { recordWithdrawal } from '../ledger';

/** Cancel and move: both burn the message's cycle in the ledger, unless it has been decided before. */
export const createWithdraw = ({ pool }: { pool: Pool }): Pick<LedgerActivities, 'cancel' | 'move'> => ({
  cancel: ({ message, command }) =>
    recordWithdrawal(pool, message, {
      outcome: 'cancelled',
      commandId: command.commandId,
      reason: command.reason,
    }),
  move: ({ message, command }) =>
    recordWithdrawal(pool, message, {
      outcome: 'moved',
      commandId: command.commandId,
      next: { cycle: command.cycle ?? message.cycle + 1, dueAt: command.dueAt },
    }),
});
