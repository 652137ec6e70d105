import type { StreamedEvent } from '../consumer';
import { messageOf } from '../outbox';

/**
 * Divides events into waves that have to be stored one after the other: in none of them a message occurs twice, and each
 * message's events are in their order. What is sent at once may be stored in any order, or with one missing.
 */
export function wavesOf(events: StreamedEvent[]): StreamedEvent[][] {
  const waves: StreamedEvent[][] = [];
  const seen = new Map<string, number>();
  for (const streamed of events) {
    const { topic, tenant, key } = messageOf(streamed.event);
    const message = `${topic}:${tenant}:${key}`;
    const wave = seen.get(message) ?? 0;
    seen.set(message, wave + 1);
    waves[wave] ??= [];
    waves[wave].push(streamed);
  }
  return waves;
}
