import type { Logger } from 'pino';
import type { Metrics } from '../platform/telemetry/metrics';
import type { UnreadableRun } from './message-status';

// The loops see the same run many times a minute. Once an hour keeps an alert firing.
const AGAIN_AFTER_MS = 3_600_000;
// Forgotten first, if a foreign client starts more of them: they are then counted again.
const MOST_REMEMBERED = 10_000;

/** Counts runs of which something cannot be read, and names each in the log, once an hour. */
export function createUnreadableReport(
  { metrics, log }: { metrics: Pick<Metrics, 'unreadable'>; log: Pick<Logger, 'warn'> },
  now: () => number = Date.now,
): (run: UnreadableRun) => void {
  const reportedAt = new Map<string, number>();
  return ({ workflowId, runId, unreadable }) => {
    if (now() < (reportedAt.get(runId) ?? Number.NEGATIVE_INFINITY) + AGAIN_AFTER_MS) return;
    reportedAt.delete(runId);
    reportedAt.set(runId, now());
    for (const oldest of reportedAt.keys()) {
      if (reportedAt.size <= MOST_REMEMBERED) break;
      reportedAt.delete(oldest);
    }
    metrics.unreadable();
    log.warn({ part: 'temporal', workflowId, runId, why: unreadable }, 'a run cannot be read, and the others are');
  };
}
