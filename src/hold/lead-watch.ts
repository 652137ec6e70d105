import type { Delivery } from '../contract';
import type { Metrics } from '../metrics';
import { guardMsOf } from '../wake';

// The lead less its guard is what wakes are spread over; a delay has to be made up for in the whole.
const LEAD_PER_DELAY = 1 / (1 - guardMsOf(1));

/**
 * Watches by how much messages wake after their time, and reports with which lead the last burst would have been held
 * completely: its lead, and more by what its slowest wake was late. Messages posted inside their lead do not count.
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
