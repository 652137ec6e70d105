import { setTimeout as pause } from 'node:timers/promises';
import { type ConnectionOptions, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';

/** The SDK's retries of failed calls, which can be ended before their connection is closed. */
export interface CallRetries {
  interceptors: NonNullable<ConnectionOptions['interceptors']>;
  /** From now on no failed call is retried. Resolves when none waits for its retry, after six seconds at most. */
  end(): Promise<void>;
}

/**
 * The SDK retries from a timer. A retry on a closed connection throws there, where no caller can catch the error, and ends
 * the process.
 */
export function createCallRetries(): CallRetries {
  const retries = defaultGrpcRetryOptions();
  let ended = false;
  let lastRetryAt = 0;
  const interceptor = makeGrpcRetryInterceptor({
    retryableDecider: (attempt, status) => !ended && retries.retryableDecider(attempt, status),
    delayFunction(attempt, status) {
      const delayMs = retries.delayFunction(attempt, status);
      lastRetryAt = Math.max(lastRetryAt, Date.now() + delayMs);
      return delayMs;
    },
  });
  return {
    interceptors: [interceptor],
    async end() {
      ended = true;
      // A timer may be a moment late, and the retry begins with it.
      const waitMs = lastRetryAt + 50 - Date.now();
      if (waitMs > 0) await pause(waitMs);
    },
  };
}
