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
    // Of two workers that do so at one time, the second is told that its subjects are taken: by the same stream.
    if (!(await isThere())) throw error;
  }
}

const otherwise =
  <Value>(code: number, value: Value) =>
  (error: unknown): Value => {
    if (error instanceof JetStreamApiError && error.code === code) return value;
    throw error;
  };
