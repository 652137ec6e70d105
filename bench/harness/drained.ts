import { setTimeout as pause } from 'node:timers/promises';

/**
 * Promises 0 once the count has come down to it, or what was left when it had not fallen for so long: what is merely
 * slow still gets done, only what has stopped does not. It looks every `lookMs`.
 */
export async function drained(count: () => Promise<number>, standstillMs: number, lookMs = 500): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  let fellAt = Date.now();
  for (;;) {
    const left = await count();
    if (left === 0) return 0;
    if (left < least) [least, fellAt] = [left, Date.now()];
    if (Date.now() - fellAt > standstillMs) return left;
    await pause(lookMs);
  }
}
