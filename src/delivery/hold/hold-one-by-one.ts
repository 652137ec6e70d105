import pMap from 'p-map';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { ScheduledMessage } from '../../message/contract';
import { STABLE } from '../../message/lane-name';
import { messageFields, withErrorContext } from '../../platform/telemetry/error-context';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { MessageStatus } from '../../producing/message-status';
import { readEvents } from '../../producing/run-events';
import type { Waiting } from '../../producing/waiting-runs';
import type { Topic } from '../../topics/topic';
import { writeHeld } from '../held/held-rows';
import type { Hold } from './hold';

// A burst of missing messages must not become a burst of requests to Temporal.
const READING_AT_ONCE = 10;
const BATCH = 100;

interface Deps {
  pool: Pool;
  worker: string;
  metrics: Pick<Metrics, 'missing'>;
  log: Pick<Logger, 'warn'>;
  waiting: Pick<Waiting, 'deliveryOf'>;
  hold: Pick<Hold, 'takeOver'>;
  /** Has the run answered once its message has landed: its delivery may never reach a worker. */
  lostAnswers: { watch(run: MessageStatus, message: ScheduledMessage): void };
  onError(error: unknown): void;
}

/** Holds the messages of runs that are missing, and that are due by `to` (epoch ms). Each history is read. */
export async function holdOneByOne(
  { pool, worker, metrics, log, waiting, hold, lostAnswers, onError }: Deps,
  topic: Topic,
  absent: MessageStatus[],
  to: number,
): Promise<void> {
  for (let first = 0; first < absent.length; first += BATCH) {
    const read = await readMessages(waiting, absent.slice(first, first + BATCH), onError);
    // A message started by hand may differ from its search attributes. One of a newer release waits for its worker.
    const due = read.filter(({ message: { v, topic: name, dueAt } }) => !(v > 1) && name === topic.name && dueAt <= to);
    const deliveries = due.map(({ message }) => ({ message, late: false }));
    const held = hold.takeOver(topic, deliveries);
    metrics.missing(topic.name, deliveries.length);
    for (const { message } of due)
      log.warn({ part: 'roll call', ...messageFields(message) }, 'was missing: held by nobody');
    await writeHeld(pool, { worker, lane: STABLE }, held);
    for (const { run, message } of due) lostAnswers.watch(run, message);
  }
}

/**
 * The messages of these runs. A message that cannot be read is reported, and left to its workflow. So is one of which a cancel
 * or a move is not decided yet: the workflow decides it, however late it is.
 */
async function readMessages(
  waiting: Pick<Waiting, 'deliveryOf'>,
  runs: MessageStatus[],
  onError: (error: unknown) => void,
): Promise<{ run: MessageStatus; message: ScheduledMessage }[]> {
  const read: { run: MessageStatus; message: ScheduledMessage; commandWaits: boolean }[] = [];
  const readOne = async (run: MessageStatus) => {
    try {
      const { delivery, events } = await waiting.deliveryOf(run);
      const { message } = delivery;
      read.push({ run, message, commandWaits: readEvents(events, message.dueAt).commandWaits });
    } catch (error) {
      onError(withErrorContext(error, run));
    }
  };
  await pMap(runs, readOne, { concurrency: READING_AT_ONCE });
  return read.filter(({ commandWaits }) => !commandWaits);
}
