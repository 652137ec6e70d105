import type { Plan, PlannedBeat, PlannedRequest } from './plan';

// Posted until then, due after it, with time to land before the last fault is healed.
const POSTED_UNTIL = 0.5;
const DUE_AT = 0.75;
// Each of them comes again three times, which costs Temporal as much as four requests.
const BEAT_SHARE = 0.02;

/**
 * The same run with so many requests more, and some beats, that are due at one instant of it. A burst that is far larger than
 * wakes can bring in a lead has to be held by sets: requests by their rows, beats by Temporal's list.
 */
export function withBurst(plan: Plan, requests: number): Plan {
  const lengthMs = plan.minutes * 60_000;
  const dueAtMs = Math.round(lengthMs * DUE_AT);
  const beats = Math.ceil(requests * BEAT_SHARE);
  const share = plan.producers.length;
  /** What one producer posts of so many, evenly over the time. */
  const partOf = <Item>(count: number, producer: number, itemAt: (id: string, atMs: number) => Item): Item[] =>
    Array.from({ length: count }, (_, n) => n)
      .filter((n) => n % share === producer)
      .map((n) => itemAt(String(n).padStart(6, '0'), Math.round((n / count) * lengthMs * POSTED_UNTIL)));
  const producers = plan.producers.map((one, producer) => ({
    requests: [
      ...one.requests,
      ...partOf(
        requests,
        producer,
        (n, atMs): PlannedRequest => ({ id: `burst-p${n}`, atMs, dueInMs: dueAtMs - atMs }),
      ),
    ],
    beats: [
      ...one.beats,
      ...partOf(
        beats,
        producer,
        (n, atMs): PlannedBeat => ({ id: `burst-b${n}`, atMs, dueInMs: dueAtMs - atMs, temper: 'sound' }),
      ),
    ],
  }));
  return { ...plan, producers };
}
