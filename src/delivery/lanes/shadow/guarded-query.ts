import type { PoolClient } from 'pg';

/** A handler on trial tried to end its transaction, or went on after its trial. */
export class NotOnTrial extends Error {
  override readonly name = 'NotOnTrial';
}

// A rollback to a savepoint is allowed: it does not end the transaction.
const ENDS_TRANSACTION =
  /^(commit|end|abort|prepare\s+transaction|rollback(?!\s+((work|transaction)\s+)?to\b))(\s|$)|\bdefault_transaction_read_only\b/i;
const COMMENTS_AND_QUOTED =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\be'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[\s\S]*?\1/gi;

/** Whether an SQL text has a statement that ends its transaction. */
export const endsTransaction = (text: string): boolean =>
  text
    .replaceAll(COMMENTS_AND_QUOTED, ' ')
    .split(';')
    .some((statement) => ENDS_TRANSACTION.test(statement.trim()));

/**
 * The `query` of a handler in its trial, until `close`. It refuses a statement that would end the transaction, with a
 * clear error. A statement that it does not recognise still cannot commit: see `no-commit-transaction.ts`.
 */
export function guardedQuery(tx: PoolClient): { query: PoolClient['query']; close(): void } {
  let closed = false;
  const query = (...args: unknown[]) => {
    const [statement] = args;
    const text = typeof statement === 'string' ? statement : String((statement as { text?: unknown })?.text ?? '');
    if (closed) return Promise.reject(new NotOnTrial('its trial is over'));
    if (endsTransaction(text)) return Promise.reject(new NotOnTrial('a handler must not end its transaction'));
    return (tx.query as (...given: unknown[]) => unknown).apply(tx, args);
  };
  return {
    query: query as unknown as PoolClient['query'],
    close() {
      closed = true;
    },
  };
}
