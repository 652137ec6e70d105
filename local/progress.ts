/** Promises what the task gives, and until then a line every ten seconds that says how long it has taken so far. */
export async function withProgress<T>(what: string, log: (line: string) => void, task: () => Promise<T>): Promise<T> {
  const started = Date.now();
  const elapsed = () => `${Math.round((Date.now() - started) / 1000)} s`;
  const progress = setInterval(() => log(`${what} … ${elapsed()}`), 10_000);
  try {
    return await task();
  } finally {
    clearInterval(progress);
  }
}
