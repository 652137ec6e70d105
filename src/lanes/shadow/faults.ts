const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');

/** A lock did not come in time, or there was a deadlock: somebody real was faster, and no handler is to blame. */
export const isLocked = (error: unknown): boolean => ['55P03', '40P01'].includes(codeOf(error));

/** The database, or the connection to it, is lost. A statement that took too long (57014) is its handler's, and is not meant. */
export const isAway = (error: unknown): boolean =>
  /^(08|53|57P|58)[0-9A-Z]{2,3}$/.test(codeOf(error)) ||
  /^Connection terminated/.test(String((error as Error | null)?.message));
