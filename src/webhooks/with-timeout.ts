/**
 * What the work resolves to; rejects when it has not ended within so long, or when `stopping` is aborted. Its signal then
 * tells the work to end. (AbortSignal.any would do, but keeps something of each for as long as `stopping` lives: weeks.)
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
