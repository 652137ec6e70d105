// Of the broker (https://kafka.apache.org/protocol#protocol_error_codes), about the records of one request. Codes about the
// topic or an account concern every event alike: they count as an outage, which an operator ends.
const REFUSALS = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_TIMESTAMP', 'INVALID_RECORD'];

// Kafkajs wraps an error two or three times.
const DEEPEST = 5;

// A broker ends the connection at a larger request (socket.request.max.bytes, 100 MB), which looks like an outage.
const MAX_RECORD_BYTES = 64 * 1024 * 1024;

/** Why no broker takes a record of this size. */
export const refuseSize = (bytes: number): string | undefined =>
  bytes > MAX_RECORD_BYTES ? `it is larger than ${MAX_RECORD_BYTES} bytes` : undefined;

/** Why Kafka will never take some records of a request as they are. Undefined for an outage, which may be any other error. */
export function kafkaRefusalOf(error: unknown, depth = 1): string | undefined {
  const { type, message, cause } = error as { type?: unknown; message: string; cause?: unknown };
  if (typeof type === 'string' && REFUSALS.includes(type)) return message;
  // Kafkajs wraps the broker's answer.
  return cause instanceof Error && depth < DEEPEST ? kafkaRefusalOf(cause, depth + 1) : undefined;
}
