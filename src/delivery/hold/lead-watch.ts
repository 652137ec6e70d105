import type { Delivery } from '../../message/contract';
import { guardMsOf } from '../../message/wake';
import type { Metrics } from '../../platform/telemetry/metrics';

// Wakes are spread over the lead less its guard. A delay of the wakes needs a lead that is longer by this factor.
const LEAD_PER_DELAY = 1 / (1 - guardMsOf(1));

/**
 * Reports the lead that the last burst of messages would have needed to be held completely: its lead, and more by the delay
 * of its slowest wake. Messages posted inside their lead do not count.
 */
export function createLeadWatch(metrics: Pick<Metrics, 'neededLead'>) {
  const last = new Map<string, { dueAt: number; neededMs: number }>();
  return {
    woken({ message: { topic, dueAt, leadMs = 0 }, wakeAt }: Delivery, now: number): void {
      if (wakeAt === undefined) return;
      const neededMs = leadMs + Math.max(0, now - wakeAt) * LEAD_PER_DELAY;
      const burst = last.get(topic);
      if (burst && (dueAt < burst.dueAt || (dueAt === burst.dueAt && neededMs <= burst.neededMs))) return;
      last.set(topic, { dueAt, neededMs });
      metrics.neededLead(topic, neededMs);
    },
  };
}
