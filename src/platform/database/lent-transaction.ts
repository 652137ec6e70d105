import type { PoolClient } from 'pg';
import { bareStatements } from './bare-statements';
import { readByApplication } from './own-types';
import { SESSION_SETTINGS } from './session-settings';

type Queryable = Pick<PoolClient, 'query'>;

/** Foreign code wanted to end the transaction that it was lent, or went on with it after its call. */
export class LentTransactionError extends Error {
  override readonly name = 'LentTransactionError';
}

// A rollback to a savepoint is allowed: it does not end the transaction.
const ENDS = /^(commit|end|abort|prepare\s+transaction|rollback(?!\s+((work|transaction)\s+)?to\b))(\s|$)/i;
const MAY_END = /\b(commit|end|abort|prepare|rollback)\b/i;

// Handlers repeat their texts, and taking one apart costs as much as a small statement. The limits bound the memory.
const KNOWN_TEXTS = 200;
const LONGEST_KNOWN = 4_000;
const knownTexts = new Map<string, boolean>();

/** Whether an SQL text has a statement that ends its transaction. */
export function endsTransaction(text: string): boolean {
  // Most texts have no such word, and are not taken apart.
  if (!MAY_END.test(text)) return false;
  const known = knownTexts.get(text);
  if (known !== undefined) return known;
  const ends = bareStatements(text).some((statement) => ENDS.test(statement));
  if (knownTexts.size >= KNOWN_TEXTS) knownTexts.clear();
  if (text.length <= LONGEST_KNOWN) knownTexts.set(text, ends);
  return ends;
}

export interface LentTransaction extends Queryable {
  /** Takes the transaction back: from now on each statement of the borrower is refused. */
  takeBack(): void;
}

/**
 * A transaction as foreign code gets it, for one call. A statement that would end the transaction is refused: what Postdate
 * has written in it, for this message and for others, would be committed half done. So is one that comes after the call: the
 * connection is with another message by then.
 */
export function lendTransaction(
  tx: Queryable,
  { isRefused = endsTransaction, over = 'its call is over' }: { isRefused?(text: string): boolean; over?: string } = {},
): LentTransaction {
  let isOver = false;
  const query = (...args: unknown[]): unknown => {
    const [statement, ...rest] = args;
    const text = typeof statement === 'string' ? statement : String((statement as { text?: unknown })?.text ?? '');
    if (!isOver && !isRefused(text))
      return (tx.query as (...given: unknown[]) => unknown).call(tx, readByApplication(statement), ...rest);
    return refuse(args, new LentTransactionError(isOver ? over : 'a handler must not end its transaction'));
  };
  return {
    query: query as unknown as PoolClient['query'],
    takeBack() {
      isOver = true;
    },
  };
}

/** A client as foreign code gets it, for one call: its `query` is that of a lent transaction, and it cannot be released. */
export function lendClient(tx: PoolClient): { client: PoolClient; takeBack(): void } {
  const { query, takeBack } = lendTransaction(tx);
  const release = () => {
    throw new LentTransactionError('a client that is lent must not be released');
  };
  const own = { query, release, end: release };
  return { client: Object.assign(Object.create(tx), own) as PoolClient, takeBack };
}

/** Tells of an error in the way in which the driver was called: by a callback, a cursor, or a promise. */
function refuse(args: unknown[], error: Error): unknown {
  const callback = args.at(-1);
  if (typeof callback === 'function') return void process.nextTick(callback as (error: Error) => void, error);
  if (typeof (args[0] as { submit?: unknown })?.submit === 'function') throw error;
  return Promise.reject(error);
}

// `reset all` leaves the role as it is. `discard all` would forget prepared statements on which the driver counts.
const RESET = `close all; reset session authorization; reset role; reset all; ${SESSION_SETTINGS}`;

/** SQL that undoes what the borrower of a transaction has set in it, for the statements and the borrowers that follow. */
export const resetWithin = ({ lockTimeoutMs }: { lockTimeoutMs?: number } = {}): string =>
  lockTimeoutMs === undefined ? RESET : `${RESET}; set local lock_timeout = ${lockTimeoutMs}`;

/** SQL that undoes what the borrower of a transaction has left in the session, once the transaction is over. */
export const RESET_SESSION = `${RESET}; unlisten *; select pg_advisory_unlock_all(); discard temp; discard sequences`;
