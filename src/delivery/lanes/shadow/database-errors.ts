const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');

/** A lock time-out or a deadlock: another transaction was faster, and the handler is not at fault. */
export const isLockFailure = (error: unknown): boolean => ['55P03', '40P01'].includes(codeOf(error));

/** The database or the connection is lost. Not a statement time-out (57014), which is the handler's fault. */
export const isConnectionLost = (error: unknown): boolean =>
  /^(08|53|57P|58)[0-9A-Z]{2,3}$/.test(codeOf(error)) ||
  /^Connection terminated|not queryable$/.test(String((error as Error | null)?.message));

/** PostgreSQL ended a statement, or an idle session, at a time limit of its transaction. */
export const isTimeLimit = (error: unknown): boolean => ['57014', '25P03'].includes(codeOf(error));
