import type { StreamedEvent } from '../consumer';
import { originOf } from '../outbox';

/**
 * Divides events into batches that have to be stored one after the other: in none of them a message occurs twice, and each
 * message's events are in their order. What is sent at once may be stored in any order, or with one missing.
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
