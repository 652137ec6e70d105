import { JetStreamApiCodes, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import type { NatsSettings } from './settings';

const HOUR_MS = 3_600_000;
// Others go on within seconds where a dead worker was; the rest is for an operator. NATS keeps the ids of so long in memory.
const DUPLICATE_WINDOW_MS = 2 * HOUR_MS;

/** Makes the stream, which keeps what comes for so many days, unless it is there: then it is taken as it is. */
export async function ensureStream(
  connection: NatsConnection,
  { stream, keepDays }: Pick<NatsSettings, 'stream' | 'keepDays'>,
): Promise<void> {
  // What it would check takes a permission that nothing else here needs.
  const manager = await jetstreamManager(connection, { checkAPI: false });
  try {
    await manager.streams.info(stream);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== JetStreamApiCodes.StreamNotFound) throw error;
    // Two workers may do so at one time: with the same settings the second one changes nothing.
    await manager.streams.add({
      name: stream,
      subjects: ['postdate.>'],
      max_age: nanos(keepDays * 24 * HOUR_MS),
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    });
  }
}
