import type { Message } from 'kafkajs';
import { entityOf, type PostdateEvent } from '../outbox';
import type { StreamedEvent } from '../stream';

// Kafkajs makes one record batch of all messages for a partition. Brokers refuse record batches above 1 MB by default.
const CHUNK_BYTES = 512 * 1024;

/** An event as Kafka stores it. */
export interface RecordOfEvent {
  position: number;
  id: string;
  entity: string;
  bytes: number;
  message: Message;
}

/** Divides events into chunks, in order. An event that is larger than a chunk has one for itself. */
export function chunksOf(events: StreamedEvent[]): RecordOfEvent[][] {
  const chunks: RecordOfEvent[][] = [];
  let bytes = CHUNK_BYTES;
  for (const { position, event } of events) {
    const message = recordOf(event);
    const size = message.value.length;
    bytes += size;
    if (bytes > CHUNK_BYTES) {
      chunks.push([]);
      bytes = size;
    }
    chunks.at(-1)?.push({ position, id: event.id, entity: entityOf(event), bytes: size, message });
  }
  return chunks;
}

/**
 * A record in CloudEvents' structured mode for Kafka. The attributes are headers as well, so that consumers can filter
 * by them.
 */
function recordOf(event: PostdateEvent): Message & { value: Buffer } {
  const { data, datacontenttype, ...attributes } = event;
  const headers = Object.entries(attributes).map(([name, value]) => [`ce_${name}`, headerOf(value)]);
  return {
    key: event.subject,
    value: Buffer.from(JSON.stringify(event)),
    headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8', ...Object.fromEntries(headers) },
  };
}

// An attribute that a stranger has added may be an object, which need not be convertible to a text.
const headerOf = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));
