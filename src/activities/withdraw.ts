import { Context } from '@temporalio/activity';
import type { Pool } from 'pg';
import { recordWithdrawal, type Withdrawal } from '../delivery/ledger/ledger';
import { refuseCycle } from '../message/admission';
import type { LedgerActivities, ScheduledMessage } from '../message/contract';
import type { Decision } from '../message/decision';
import { invalid } from '../message/invalid-failure';
import { inTransaction } from '../platform/database/pool';

/** Cancel and move. Both decide the message's cycle in the ledger, unless it is decided already. */
export function createWithdraw({ pool }: { pool: Pool }): Pick<LedgerActivities, 'cancel' | 'move'> {
  const decide = (message: ScheduledMessage, withdrawal: Withdrawal): Promise<Decision> =>
    // This may wait for a landing in progress. A stopping worker aborts it, as it aborts a landing.
    inTransaction(pool, (tx) => recordWithdrawal(tx, message, withdrawal), {
      signal: Context.current().cancellationSignal,
    });
  return {
    cancel: ({ message, command: { commandId, reason } }) =>
      decide(message, { outcome: 'cancelled', commandId, reason }),
    async move({ message, command: { commandId, cycle = message.cycle + 1, dueAt } }) {
      // The ledger could never take it, and no retry would help. The next command must not wait for it.
      const refusal = refuseCycle(cycle);
      if (refusal) throw invalid(refusal);
      return decide(message, { outcome: 'moved', commandId, next: { cycle, dueAt } });
    },
  };
}
