import type { Pool } from 'pg';
import { type BackgroundLoop, runInBackground } from '../background-loop';
import type { DatabaseClock } from '../database-clock';
import { findMissing } from '../hold/held';
import type { Waiting } from '../hold/waiting';
import type { MessageStatus } from '../lookup';
import type { Metrics } from '../metrics';
import { someAtATime } from '../some-at-a-time';
import type { Topic } from '../topic';
import { takeTurn } from '../turn';
import type { SweepLimits } from './overdue-rows';
import { createPatience } from './patience';

// Few at a time: a server that is late with its wakes must not be asked about all of them.
const BATCH = 50;
const AT_ONCE = 10;

/**
 * Wakes workflows whose due time is past the grace and which nothing will ever wake: their timer is lost. One that has an
 * activity or a task under way is only late, and left alone. Woken, it has its message delivered, or, if that has landed
 * without it, reads so in the ledger and ends.
 */
export function startSweepOfWorkflows(
  deps: {
    pool: Pool;
    clock: DatabaseClock;
    waiting: Waiting;
    metrics: Pick<Metrics, 'rescued'>;
    onError(error: unknown): void;
  },
  topic: Topic,
  { graceMs, everyMs }: SweepLimits,
): BackgroundLoop {
  const { pool, clock, waiting, metrics, onError } = deps;
  const patience = createPatience<MessageStatus>({ shortestMs: 4 * everyMs });

  async function wakeIfIdle(run: MessageStatus): Promise<void> {
    patience.failed(run.runId, run);
    if (!(await waiting.isIdle(run))) return;
    // A message started by hand carries no memo; taken for its first cycle, the ledger says later if it is not.
    const { tenant, key, cycle = 1 } = run;
    const [undecided] = await findMissing(pool, topic.name, [{ tenant, key, cycle }]);
    await waiting.wake(run);
    if (undecided !== undefined) metrics.rescued(topic.name, 'notWoken', 1);
  }

  async function look(): Promise<'more' | 'idle'> {
    if (!(await takeTurn(pool, `sweep of workflows: ${topic.name}`, everyMs))) return 'idle';
    const overdue = { topic: topic.name, dueTo: Math.round(clock.now() - graceMs) };
    const runs = await waiting.runs(overdue, { limit: BATCH, except: ({ runId }) => patience.has(runId) });
    await someAtATime(runs, AT_ONCE, (run) => wakeIfIdle(run).catch(onError));
    patience.tidy();
    return 'idle';
  }

  return runInBackground(look, { pauseMs: everyMs, onError });
}
