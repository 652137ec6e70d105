import { DatabaseError } from 'pg';
import { isHandlerError } from './error-context';

/** An error as the log shows it. `at`: where it was thrown. */
export interface ErrorFields {
  type: string;
  code?: string;
  message?: string;
  at?: string[];
  cause?: ErrorFields;
  [field: string]: unknown;
}

// SQLSTATE's classes in which PostgreSQL speaks of itself: connections, accounts, transactions, resources, operators; and a
// missing right or table. All others repeat values of rows and statements, in their message as in detail, hint and where.
const OF_ITSELF = /^(08|25|28|3D|40|53|55|57|58)[0-9A-Z]{3}$|^42501$|^42P01$/;
// What its driver says of a connection, in words only.
const OF_A_CONNECTION = /^(timeout exceeded when trying to connect|Connection terminated|Cannot use a pool after)/;
// Errors of ours, and of Temporal's SDK about its connections, whose words come from no message.
const PLAIN = new Set(['ConfigError', 'HandlerTimeout', 'TransportError', 'ServiceError', 'IllegalStateError']);
// A cause may be its own cause, made by whatever library.
const DEEPEST = 5;

/**
 * What may be said of an error in a log: its kind, its code, and where it was thrown; its words only where they cannot be a
 * handler's, or the database's about a row, since those may repeat a payload.
 */
export function errorFields(error: unknown, within: { depth: number; byHandler: boolean } = OUTERMOST): ErrorFields {
  if (typeof error !== 'object' || error === null) return { type: typeof error };
  // What is no error, or was made one for the log before.
  if (typeof (error as Error).stack !== 'string') return { type: 'object', ...picked(error, ['type', 'code', 'at']) };
  const { name, message, stack = '', cause } = error as Error;
  const byHandler = within.byHandler || isHandlerError(error);
  const deeper = { depth: within.depth + 1, byHandler };
  return {
    type: /^error$/i.test(name) ? error.constructor.name : name,
    ...picked(error, ['code', 'field']),
    ...(error instanceof DatabaseError ? picked(error, ['schema', 'table', 'column', 'constraint', 'routine']) : {}),
    ...(mayBeSaid(error as Error, byHandler) ? { message } : {}),
    at: withoutWords(stack, message).flatMap((line) => FRAME.exec(line)?.[1] ?? []),
    ...(cause && deeper.depth < DEEPEST ? { cause: errorFields(cause, deeper) } : {}),
  };
}

const OUTERMOST = { depth: 0, byHandler: false };
const FRAME = /^ {4}(at .{0,400}(?::\d+:\d+|<anonymous>|native)\)?)$/;

// One of whose lines may look like a frame.
const withoutWords = (stack: string, message: string): string[] =>
  stack.slice(stack.includes(message) ? stack.indexOf(message) + message.length : 0).split('\n');

const picked = (error: object, fields: string[]) =>
  Object.fromEntries(Object.entries(error).filter(([field, value]) => fields.includes(field) && value !== undefined));

function mayBeSaid(error: Error, byHandler: boolean): boolean {
  if (error instanceof DatabaseError) return OF_ITSELF.test(error.code ?? '');
  if (byHandler) return false;
  const { syscall, details } = error as { syscall?: unknown; details?: unknown };
  // The system's about a connection, and those of gRPC.
  if (typeof syscall === 'string' || typeof details === 'string') return true;
  return PLAIN.has(error.name) || OF_A_CONNECTION.test(error.message);
}
