import { setTimeout as pause } from 'node:timers/promises';
import { type ConnectionOptions, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Interceptor>;
type Status = Parameters<ReturnType<typeof defaultGrpcRetryOptions>['retryableDecider']>[1];

/** The SDK's retries of failed calls, which can be ended before their connection is closed. */
export interface CallRetries {
  interceptors: Interceptor[];
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
  const interceptor: Interceptor = (options, nextCall) => {
    let failure: Status | undefined;
    const retrying = makeGrpcRetryInterceptor({
      retryableDecider(attempt, status) {
        failure = status;
        return !ended && retries.retryableDecider(attempt, status);
      },
      delayFunction(attempt, status) {
        const delayMs = retries.delayFunction(attempt, status);
        lastRetryAt = Math.max(lastRetryAt, Date.now() + delayMs);
        return delayMs;
      },
    });
    // After a stall of its event loop Node may run the timer of `end` before that of a retry, which is due earlier.
    return retrying(options, (again) => (ended && failure ? failedCall(failure) : nextCall(again)));
  };
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

/** In place of a retry on a closed connection: it fails as the attempt before it did. */
const failedCall = (status: Status): Call =>
  ({
    start: (_metadata: unknown, listener?: { onReceiveStatus?(status: Status): void }) =>
      // The caller sends its message after `start`, and reads the answer after that.
      process.nextTick(() => listener?.onReceiveStatus?.(status)),
    sendMessage: () => undefined,
    halfClose: () => undefined,
    // What a retry of the SDK calls, and no more.
  }) as unknown as Call;
