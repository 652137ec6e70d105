import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';

// https://github.com/nats-io/nats-server/blob/main/server/errors.json: an event, or its headers, above the stream's limit.
const REFUSALS = [10054, 10097];

// A server ends the connection at a longer control line (max_control_line, 4 KB), which looks like an outage. The rest of
// the line is a reply's subject and two numbers.
const MAX_SUBJECT_BYTES = 3_900;

/** Why no NATS server takes an event of this subject. */
export const refuseSubject = (subject: string): string | undefined =>
  subject.length > MAX_SUBJECT_BYTES
    ? `its subject is longer than ${MAX_SUBJECT_BYTES} bytes, because its type is so long`
    : undefined;

/** Why NATS will never take an event as it is. Undefined for an outage, which may be any other error. */
export function natsRefusalOf(error: unknown): string | undefined {
  if (error instanceof JetStreamApiError && REFUSALS.includes(error.code)) return error.message;
  // The client has not sent it: the server's limit on the size is known to it.
  if (error instanceof errors.InvalidArgumentError || error instanceof errors.InvalidSubjectError) return error.message;
  return undefined;
}
