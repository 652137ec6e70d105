import { isDatabaseUnavailable } from '../../../platform/database/pool';

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');

/** A lock time-out or a deadlock: another transaction was faster, and the handler is not at fault. */
export const isLockFailure = (error: unknown): boolean => ['55P03', '40P01'].includes(codeOf(error));

/** The database or the connection is lost. Not a statement time-out (57014), which is the handler's fault. */
export const isConnectionLost = (error: unknown): boolean =>
  /^(08|53|57P|58)[0-9A-Z]{2,3}$/.test(codeOf(error)) ||
  /^Connection terminated/.test(String((error as Error | null)?.message));

/** The database is away or too busy: it ended a statement, or an idle session (25P03), at a time limit. */
export const isAwayOrBusy = (error: unknown): boolean => isDatabaseUnavailable(error) || codeOf(error) === '25P03';
