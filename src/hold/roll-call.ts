import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { type BackgroundLoop, runInBackground, stoppedTogether } from '../background-loop';
import { concerning, named } from '../concern';
import type { ScheduledMessage } from '../contract';
import type { DatabaseClock } from '../database-clock';
import { STABLE } from '../lanes/lane';
import type { MessageStatus } from '../lookup';
import type { Metrics } from '../metrics';
import { someAtATime } from '../some-at-a-time';
import type { Topic } from '../topic';
import { leadMsOf } from '../topic-limits';
import { takeTurn } from '../turn';
import { guardMsOf } from '../wake';
import { countHeld, findMissing, writeHeld } from './held-rows';
import type { Hold } from './hold';
import type { Waiting } from './waiting';

// In less there is no time to see that somebody is missing, and to act on it, before the message is due.
const MIN_GUARD_MS = 1_000;
// A longer guard is no reason to begin earlier; this is time enough.
const MAX_GUARD_MS = 60_000;
// So that a burst of messages that are all missing is no burst of requests.
const READING_AT_ONCE = 10;
const BATCH = 100;

/**
 * Calls the roll of the messages that are due in a moment, when all of them should have woken, and has those held that
 * nobody holds: their timer was lost, or the task on its way to a worker, or the server is too busy to wake them in
 * time. They land on time with the others, through the same code; their workflows find the decision in the ledger.
 * One worker at a time calls the roll of a topic. A topic whose guard is under a second has none.
 */
export function startRollCall(
  deps: {
    pool: Pool;
    worker: string;
    clock: DatabaseClock;
    metrics: Pick<Metrics, 'missing'>;
    log: Pick<Logger, 'warn'>;
    waiting: Waiting;
    onError(error: unknown): void;
  },
  hold: Pick<Hold, 'takeOver'>,
  topics: Topic[],
): Pick<BackgroundLoop, 'stop'> {
  const loops = topics.flatMap((topic) => {
    const guardMs = Math.min(MAX_GUARD_MS, guardMsOf(leadMsOf(topic)));
    if (guardMs < MIN_GUARD_MS) return [];
    // Every half guard, over three quarters of one: each message is looked at when it is due in a quarter to three.
    const look = () => callRoll(deps, hold, topic, { everyMs: guardMs / 2, reachMs: (guardMs * 3) / 4 });
    return [runInBackground(look, { pauseMs: guardMs / 2, onError: deps.onError })];
  });
  return stoppedTogether(loops);
}

async function callRoll(
  { pool, worker, clock, metrics, log, waiting, onError }: Parameters<typeof startRollCall>[0],
  hold: Pick<Hold, 'takeOver'>,
  topic: Topic,
  { everyMs, reachMs }: { everyMs: number; reachMs: number },
): Promise<'idle'> {
  if (!(await takeTurn(pool, `roll call: ${topic.name}`, everyMs))) return 'idle';
  const from = clock.now();
  const to = from + reachMs;
  const window = { topic: topic.name, dueFrom: Math.round(from) + 1, dueTo: Math.round(to) + 1 };
  // Asked first, so that whoever is held in between does not seem to be missing.
  const waits = await waiting.count(window);
  if (waits <= (await countHeld(pool, topic.name, { from, to }))) return 'idle';
  const runs = await waiting.runs(window);
  // A message started by hand carries no memo; taken for its first cycle, the ledger says later if it is not.
  const missing = await findMissing(
    pool,
    topic.name,
    runs.map(({ tenant, key, cycle = 1 }) => ({ tenant, key, cycle })),
  );
  const absent = missing.map((place) => runs[place] as MessageStatus);
  for (let first = 0; first < absent.length; first += BATCH) {
    const messages = await readMessages(waiting, absent.slice(first, first + BATCH), onError);
    // What was started by hand may say one thing in its search attributes and another in its message.
    const due = messages.filter((message) => message.topic === topic.name && message.dueAt <= to);
    const deliveries = due.map((message) => ({ message, late: false }));
    const held = hold.takeOver(topic, deliveries);
    metrics.missing(topic.name, deliveries.length);
    for (const message of due) log.warn({ part: 'roll call', ...named(message) }, 'was missing: held by nobody');
    await writeHeld(pool, { worker, lane: STABLE }, held);
  }
  return 'idle';
}

/** The messages of these runs; one that cannot be read is reported, and left to its workflow. */
async function readMessages(
  waiting: Waiting,
  runs: MessageStatus[],
  onError: (error: unknown) => void,
): Promise<ScheduledMessage[]> {
  const messages: ScheduledMessage[] = [];
  await someAtATime(runs, READING_AT_ONCE, (run) =>
    waiting.messageOf(run).then(
      (message) => messages.push(message),
      (error) => onError(concerning(error, run)),
    ),
  );
  return messages;
}
