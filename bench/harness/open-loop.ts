import { performance } from 'node:perf_hooks';

/** Now, in epoch ms with fractions. */
export const nowMs = () => performance.timeOrigin + performance.now();

/**
 * Calls `send` at a fixed rate, whether the earlier calls have ended or not, until `count` were sent or it is stopped.
 * `intendedAt` (epoch ms) is when the call belonged: measured from there, one that was held up by others is not hidden.
 */
export function openLoop(
  { perSecond, count = Number.POSITIVE_INFINITY }: { perSecond: number; count?: number },
  send: (index: number, intendedAt: number) => Promise<unknown>,
) {
  const startedAt = nowMs();
  const open = new Set<Promise<unknown>>();
  const failures: unknown[] = [];
  let sent = 0;
  let timer: NodeJS.Timeout | undefined;
  let allSent: () => void = () => {};
  const sending = new Promise<void>((resolve) => {
    allSent = resolve;
  });

  function tick(): void {
    while (sent < count) {
      const intendedAt = startedAt + (sent * 1_000) / perSecond;
      if (intendedAt > nowMs()) {
        timer = setTimeout(tick, intendedAt - nowMs());
        return;
      }
      const call = send(sent, intendedAt)
        .catch((error) => failures.push(error))
        .finally(() => open.delete(call));
      open.add(call);
      sent += 1;
    }
    allSent();
  }
  tick();

  /** Promises that every call sent so far has ended; fails with the first that failed. */
  const answered = async () => {
    await Promise.all(open);
    if (failures.length > 0) throw failures[0];
  };
  const stop = () => {
    clearTimeout(timer);
    allSent();
    return answered();
  };
  return { answered, stop, finished: () => sending.then(answered) };
}
