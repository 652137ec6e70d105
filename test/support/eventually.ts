import { setTimeout as pause } from 'node:timers/promises';

/** Waits until `check` no longer throws; after the deadline throws what it last threw. */
export async function eventually<Result>(check: () => Promise<Result>, timeoutMs = 60_000): Promise<Result> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(50);
    }
  }
}
