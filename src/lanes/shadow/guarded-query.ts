import type { PoolClient } from 'pg';

/** A handler on trial tried to end its transaction, or went on after its trial. */
export class NotOnTrial extends Error {
  override readonly name = 'NotOnTrial';
}

// To a savepoint it may roll back: that ends nothing.
const ENDS_TRANSACTION =
  /^(commit|end|abort|prepare\s+transaction|rollback(?!\s+((work|transaction)\s+)?to\b))(\s|$)|\bdefault_transaction_read_only\b/i;
const COMMENTS_AND_QUOTED =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\be'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[\s\S]*?\1/gi;

/** Whether a text, as a handler would write it, has a statement that ends the transaction that it is run in. */
export const endsTransaction = (text: string): boolean =>
  text
    .replaceAll(COMMENTS_AND_QUOTED, ' ')
    .split(';')
    .some((statement) => ENDS_TRANSACTION.test(statement.trim()));

/**
 * A handler's `query` in its trial, until it is closed. It refuses what would end the transaction, in words that help; what it
 * does not recognise meets the seal, and the connection that is read-only outside of it.
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
