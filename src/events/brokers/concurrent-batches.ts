import type { StreamedEvent } from '../consumer';
import { originOf } from '../outbox';

/**
 * Divides events into batches that are stored one after the other. No batch has two events of one message, and the
 * events of a message keep their order over the batches. Within a batch, events may be stored in any order, or one may
 * be missing.
 */
export function concurrentBatchesOf(events: StreamedEvent[]): StreamedEvent[][] {
  const batches: StreamedEvent[][] = [];
  const seen = new Map<string, number>();
  for (const streamed of events) {
    const { topic, tenant, key } = originOf(streamed.event);
    const message = `${topic}:${tenant}:${key}`;
    const batch = seen.get(message) ?? 0;
    seen.set(message, batch + 1);
    batches[batch] ??= [];
    batches[batch].push(streamed);
  }
  return batches;
}
