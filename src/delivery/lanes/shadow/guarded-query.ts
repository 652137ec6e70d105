import * as lent from '../../../platform/database/lent-transaction';
import type { Queryable } from '../../../platform/database/pool';

/** Whether an SQL text has a statement that ends its transaction, or that would let the next one write. */
export const endsTransaction = (text: string): boolean =>
  lent.endsTransaction(text) || /\bdefault_transaction_read_only\b/i.test(text);

/**
 * The transaction of a handler in its trial. It refuses a statement that would end it, with a clear error. A statement that it
 * does not recognise still cannot commit: see `no-commit-transaction.ts`.
 */
export const lendTrial = (tx: Queryable): lent.LentTransaction =>
  lent.lendTransaction(tx, { isRefused: endsTransaction, over: 'its trial is over' });
