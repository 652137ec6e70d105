import type { Delivery } from '../../message/contract';
import { guardMsOf, isFetched } from '../../message/wake';
import type { Metrics } from '../../platform/telemetry/metrics';

// Wakes are spread over the lead less its guard. A delay of the wakes needs a lead that is longer by this factor.
const LEAD_PER_DELAY = 1 / (1 - guardMsOf(1));

// A wake takes a few tenths of a second.
const LATE_MS = 1_000;
const LATELY_MS = 5_000;

/**
 * Reports the lead that the last burst of messages would have needed to be held completely: its lead, and more by the delay
 * of its slowest wake. Messages posted inside their lead do not count.
 */
export function createLeadWatch(metrics: Pick<Metrics, 'neededLead'>) {
  const last = new Map<string, { dueAt: number; neededMs: number }>();
  let lateWakeAt = Number.NEGATIVE_INFINITY;
  return {
    /** Whether wakes have lately come so late that commands, which wait in the same queues, would not be decided in time. */
    wakesAreLate: (): boolean => performance.now() - lateWakeAt < LATELY_MS,
    woken({ message, wakeAt }: Delivery, now: number): void {
      // One that is fetched by sets wakes after it was due, however long the lead is.
      if (wakeAt === undefined || isFetched(message)) return;
      const { topic, dueAt, leadMs = 0 } = message;
      if (now - wakeAt > LATE_MS) lateWakeAt = performance.now();
      const neededMs = leadMs + Math.max(0, now - wakeAt) * LEAD_PER_DELAY;
      const burst = last.get(topic);
      if (burst && (dueAt < burst.dueAt || (dueAt === burst.dueAt && neededMs <= burst.neededMs))) return;
      last.set(topic, { dueAt, neededMs });
      metrics.neededLead(topic, neededMs);
    },
  };
}
