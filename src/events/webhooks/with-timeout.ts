/**
 * Resolves to the result of `work`. Rejects if it has not ended after `ms`, or when `stopping` aborts; the signal given
 * to `work` then aborts too. AbortSignal.any would do the same, but keeps memory for each call for as long as
 * `stopping` lives: weeks.
 */
export function withTimeout<Result>(
  ms: number,
  stopping: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const timeout = new AbortController();
  return new Promise((resolve, reject) => {
    const end = () => {
      reject(new Error(`no answer within ${ms} ms`));
      timeout.abort();
    };
    const timer = setTimeout(end, ms);
    stopping.addEventListener('abort', end);
    if (stopping.aborted) end();
    void work(timeout.signal)
      .then(resolve, reject)
      .finally(() => {
        clearTimeout(timer);
        stopping.removeEventListener('abort', end);
      });
  });
}
