import { MessageError } from '../message/admission';
import { ConfigError } from '../platform/config-error';
import { oneLine } from './output';

/** A command that cannot be done: `says` is what was found, `todo` what to do next. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    readonly says: string,
    readonly todo?: string,
    options?: ErrorOptions,
  ) {
    super(todo ? `${says}: ${todo}` : says, options);
  }
}

/** An error in one line: what went wrong, and what to do next. */
export function lineOf(error: unknown): string {
  // With the same code as at every other edge.
  if (error instanceof MessageError) return oneLine(`${error.message} [${error.code}]`);
  if (error instanceof ConfigError) return oneLine(`${error.message}; see the settings in docs/operations.md`);
  if (error instanceof CommandFailure) return oneLine(error.message);
  return oneLine(`${errorText(error)}; --debug says where it comes from`);
}

/**
 * An error's message. Node leaves it empty for a connection that several addresses refused; the first of them then
 * explains it.
 */
export function errorText(error: unknown): string {
  const { message, errors, code } = error as { message?: string; errors?: unknown[]; code?: string };
  if (message) return message;
  return errors?.[0] ? errorText(errors[0]) : (code ?? String(error));
}

// node-postgres's messages about a lost connection, which have no code.
const LOST_CONNECTION =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection)/;

/**
 * Explains an error of the database by its code, PostgreSQL's or the system's: what to do about it. Returns other
 * errors unchanged.
 */
export function databaseFailure(error: unknown, databaseUrl: string): unknown {
  if (isExplained(error)) return error;
  const code = String((error as { code?: string }).code ?? '');
  const said = errorText(error);
  const failure = (says: string, todo: string) => new CommandFailure(says, todo, { cause: error });
  if (['42P01', '3F000', '42703'].includes(code)) {
    return failure(`the database lacks what this release needs (${said})`, 'start a worker, which makes it');
  }
  if (code.startsWith('28')) return failure(`the database refuses this user (${said})`, 'check DATABASE_URL');
  if (code === '3D000') return failure(said, 'create it, or check DATABASE_URL');
  if (!/^(E[A-Z]+|57P0\d|08\w{3}|53300)$/.test(code) && !LOST_CONNECTION.test(said)) return error;
  const where = hostOf(databaseUrl);
  return failure(`the database at ${where} cannot be reached (${said})`, 'start it, or check DATABASE_URL');
}

// gRPC's codes: deadline exceeded, not found, permission denied, unavailable, unauthenticated.
const [LATE, NOT_FOUND, DENIED, UNAVAILABLE, UNAUTHENTICATED] = [4, 5, 7, 14, 16];

/** Explains an error of Temporal by gRPC's code: what to do about it. Returns other errors unchanged. */
export function temporalFailure(
  error: unknown,
  { address = 'localhost:7233', namespace }: { address?: string; namespace: string },
): unknown {
  if (isExplained(error)) return error;
  const cause = (error as Error).cause as { code?: number; details?: string } | undefined;
  const code = (error as { code?: number }).code ?? cause?.code;
  const said = cause?.details || errorText(error);
  const failure = (says: string, todo: string) => new CommandFailure(says, todo, { cause: error });
  if (code === DENIED || code === UNAUTHENTICATED) {
    return failure(`Temporal refuses this caller (${said})`, 'check TEMPORAL_API_KEY, or the certificates');
  }
  if (/namespace/i.test(said) && (code === NOT_FOUND || /not found/i.test(said))) {
    return failure(`Temporal has no namespace ${namespace}`, 'create it, or check TEMPORAL_NAMESPACE');
  }
  if (code !== LATE && code !== UNAVAILABLE && !/before the deadline/.test(said)) return error;
  return failure(`Temporal at ${address} cannot be reached (${said})`, 'start it, or check TEMPORAL_ADDRESS');
}

// A command may use both connections, one within the other. The inner one has explained the error already.
const isExplained = (error: unknown) => error instanceof CommandFailure || error instanceof MessageError;

// The host and the database's name, without the password.
function hostOf(databaseUrl: string): string {
  const { host, pathname } = new URL(databaseUrl);
  return `${host}${pathname}`;
}
