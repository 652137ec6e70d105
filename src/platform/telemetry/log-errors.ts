import { DatabaseError } from 'pg';
import { isHandlerError } from './error-context';
import { framesOf } from './thrown';

/** An error as the log shows it. `at`: where it was thrown. */
export interface ErrorFields {
  type: string;
  code?: string;
  message?: string;
  at?: string[];
  cause?: ErrorFields;
  [field: string]: unknown;
}

// The classes of SQLSTATE that are about PostgreSQL itself: connections, accounts, transactions, resources, operators;
// and a missing right or table. Errors of all other classes quote values of rows and statements, in their message as in
// detail, hint and where.
const OF_ITSELF = /^(08|25|28|3D|40|53|55|57|58)[0-9A-Z]{3}$|^42501$|^42P01$/;
// Messages of node-postgres about a connection, which have no code.
const OF_A_CONNECTION = /^(timeout exceeded when trying to connect|Connection terminated|Cannot use a pool after)/;
// Errors of Postdate, and of Temporal's SDK about its connections. Their messages quote no message's payload.
const PLAIN = new Set(['ConfigError', 'HandlerTimeout', 'TransportError', 'ServiceError', 'IllegalStateError']);
// A library may create an error that is its own cause.
const DEEPEST = 5;

/**
 * The fields of an error that the log may show: its type, its code, and where it was thrown. Its message is left out if
 * it may come from a handler, or be the database's about a row: it could quote a payload.
 */
export function errorFields(error: unknown): ErrorFields {
  try {
    return fieldsOf(error, { depth: 0, byHandler: false });
  } catch {
    // An error that throws when it is read must not stop what reports it.
    return { type: 'unreadable' };
  }
}

function fieldsOf(error: unknown, within: { depth: number; byHandler: boolean }): ErrorFields {
  if (typeof error !== 'object' || error === null) return { type: typeof error };
  // Not an error, or one that was converted for the log before.
  if (typeof (error as Error).stack !== 'string') return { type: 'object', ...picked(error, ['type', 'code', 'at']) };
  const { name, message, stack = '', cause } = error as Error;
  const byHandler = within.byHandler || isHandlerError(error);
  const deeper = { depth: within.depth + 1, byHandler };
  return {
    type: /^error$/i.test(name) ? error.constructor.name : name,
    ...picked(error, ['code', 'field']),
    ...(error instanceof DatabaseError ? picked(error, ['schema', 'table', 'column', 'constraint', 'routine']) : {}),
    ...(mayBeSaid(error as Error, byHandler) ? { message } : {}),
    at: framesOf(stack, message),
    ...(cause && deeper.depth < DEEPEST ? { cause: fieldsOf(cause, deeper) } : {}),
  };
}

const picked = (error: object, fields: string[]) =>
  Object.fromEntries(Object.entries(error).filter(([field, value]) => fields.includes(field) && value !== undefined));

function mayBeSaid(error: Error, byHandler: boolean): boolean {
  if (error instanceof DatabaseError) return OF_ITSELF.test(error.code ?? '');
  if (byHandler) return false;
  const { syscall, details } = error as { syscall?: unknown; details?: unknown };
  // The system's errors about a connection, and gRPC's.
  if (typeof syscall === 'string' || typeof details === 'string') return true;
  return PLAIN.has(error.name) || OF_A_CONNECTION.test(error.message);
}
