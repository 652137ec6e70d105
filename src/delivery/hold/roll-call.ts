import pMap from 'p-map';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { ScheduledMessage } from '../../message/contract';
import { STABLE } from '../../message/lane-name';
import { guardMsOf } from '../../message/wake';
import type { DatabaseClock } from '../../platform/database/clock';
import { acquireLease } from '../../platform/database/lease';
import { type BackgroundLoop, runInBackground, stoppedTogether } from '../../platform/loops/background-loop';
import { messageFields, withErrorContext } from '../../platform/telemetry/error-context';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { MessageStatus } from '../../producing/message-status';
import { readEvents } from '../../producing/run-events';
import type { Waiting } from '../../producing/waiting-runs';
import type { Topic } from '../../topics/topic';
import { leadMsOf } from '../../topics/topic-limits';
import { countHeld, findMissing, writeHeld } from '../held/held-rows';
import type { Hold } from './hold';

// A shorter guard leaves no time to find a missing message, and to hold it, before it is due.
const MIN_GUARD_MS = 1_000;
// A longer guard is no reason to begin earlier: a minute is time enough.
const MAX_GUARD_MS = 60_000;
// A burst of missing messages must not become a burst of requests to Temporal.
const READING_AT_ONCE = 10;
const BATCH = 100;

/**
 * The roll call: the check, before a due instant, for messages that should have woken and no worker holds. Their timer was
 * lost, or the task on its way to a worker, or the server is too busy to wake them in time. They are held here, and land
 * on time with the others, through the same code. Their workflows find the decision in the ledger. One worker at a time
 * calls the roll of a topic. A topic with a guard of under a second has no roll call.
 */
export function startRollCall(
  deps: {
    pool: Pool;
    worker: string;
    clock: DatabaseClock;
    metrics: Pick<Metrics, 'missing'>;
    log: Pick<Logger, 'warn'>;
    waiting: Waiting;
    /** Has the run answered once its message has landed: its delivery may never reach a worker. */
    lostAnswers: { watch(run: MessageStatus, message: ScheduledMessage): void };
    onError(error: unknown): void;
  },
  hold: Pick<Hold, 'takeOver'>,
  topics: Topic[],
): Pick<BackgroundLoop, 'stop'> {
  const loops = topics.flatMap((topic) => {
    const guardMs = Math.min(MAX_GUARD_MS, guardMsOf(leadMsOf(topic)));
    if (guardMs < MIN_GUARD_MS) return [];
    // Every half guard, three quarters of a guard ahead: the check sees each message while it is still due in a quarter to
    // three quarters of a guard.
    const look = () => callRoll(deps, hold, topic, { everyMs: guardMs / 2, reachMs: (guardMs * 3) / 4 });
    return [runInBackground(look, { pauseMs: guardMs / 2, onError: deps.onError })];
  });
  return stoppedTogether(loops);
}

async function callRoll(
  { pool, worker, clock, metrics, log, waiting, lostAnswers, onError }: Parameters<typeof startRollCall>[0],
  hold: Pick<Hold, 'takeOver'>,
  topic: Topic,
  { everyMs, reachMs }: { everyMs: number; reachMs: number },
): Promise<'idle'> {
  if (!(await acquireLease(pool, `roll call: ${topic.name}`, everyMs))) return 'idle';
  const from = clock.now();
  const to = from + reachMs;
  const window = { topic: topic.name, dueFrom: Math.round(from) + 1, dueTo: Math.round(to) + 1 };
  // Temporal is asked first, so that a message that is held in between does not seem to be missing.
  const waits = await waiting.count(window);
  if (waits <= (await countHeld(pool, topic.name, { from, to }))) return 'idle';
  const runs = await waiting.runs(window);
  // A message started by hand carries no memo. It is taken for its first cycle; if it is not, the ledger says so later.
  const missing = await findMissing(
    pool,
    topic.name,
    runs.map(({ tenant, key, cycle = 1 }) => ({ tenant, key, cycle })),
  );
  const absent = missing.map((place) => runs[place] as MessageStatus);
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
  return 'idle';
}

/**
 * The messages of these runs. A message that cannot be read is reported, and left to its workflow. So is one of which a cancel
 * or a move is not decided yet: the workflow decides it, however late it is.
 */
async function readMessages(
  waiting: Waiting,
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
