import { entityOf } from '../outbox';
import type { StreamedEvent } from '../stream';

/**
 * Divides events into batches that are stored one after the other. No batch has two events of one message, and the
 * events of a message keep their order over the batches. Within a batch, events may be stored in any order, or one may
 * be missing.
 */
export function concurrentBatchesOf(events: StreamedEvent[]): StreamedEvent[][] {
  const batches: StreamedEvent[][] = [];
  const seen = new Map<string, number>();
  for (const streamed of events) {
    const entity = entityOf(streamed.event);
    const batch = seen.get(entity) ?? 0;
    seen.set(entity, batch + 1);
    batches[batch] ??= [];
    batches[batch].push(streamed);
  }
  return batches;
}
