import { JetStreamApiCodes, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import type { NatsSettings } from './settings';

const HOUR_MS = 3_600_000;
// Other workers take over a dead one within seconds; the rest is time for an operator. NATS keeps all ids of this
// window in memory.
const DUPLICATE_WINDOW_MS = 2 * HOUR_MS;

/** Creates the stream, which keeps events for `keepDays`, unless it exists. An existing stream is used as it is. */
export async function ensureStream(
  connection: NatsConnection,
  { stream, keepDays }: Pick<NatsSettings, 'stream' | 'keepDays'>,
): Promise<void> {
  // Its check would need a permission that nothing else here needs.
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const isThere = () =>
    manager.streams.info(stream).then(() => true, otherwise(JetStreamApiCodes.StreamNotFound, false));
  if (await isThere()) return;
  const settings = {
    name: stream,
    subjects: ['postdate.>'],
    max_age: nanos(keepDays * 24 * HOUR_MS),
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  };
  try {
    await manager.streams.add(settings);
  } catch (error) {
    // If two workers create it at once, NATS tells the second that its subjects are taken, which is by the same stream.
    if (!(await isThere())) throw error;
  }
}

const otherwise =
  <Value>(code: number, value: Value) =>
  (error: unknown): Value => {
    if (error instanceof JetStreamApiError && error.code === code) return value;
    throw error;
  };
