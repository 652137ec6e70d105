import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { type BackgroundLoop, runInBackground } from '../background-loop';
import { concerning, named } from '../concern';
import { deliveryTaskQueue, WORKFLOW_TASK_QUEUE } from '../contract';
import type { DatabaseClock } from '../database-clock';
import { findMissing } from '../hold/held-rows';
import type { Waiting } from '../hold/waiting';
import type { MessageStatus } from '../lookup';
import type { Metrics } from '../metrics';
import { someAtATime } from '../some-at-a-time';
import type { Topic } from '../topic';
import { takeTurn } from '../turn';
import type { SweepLimits } from './overdue-rows';
import { createPatience } from './patience';
import type { Revival } from './revival';

type Queue = 'workflows' | 'deliveries';

// So many graces beyond the server's own time-out something is lost: with the default grace a minute.
const LOST_AFTER_GRACES = 6;
// Few at a time: a server that is late with its wakes must not be asked about all of them.
const BATCH = 50;
const AT_ONCE = 10;

/**
 * Brings workflows along whose due time is past the grace and for which nobody will ever come, as their timer, or that of a
 * time-out, is lost: those that sleep are woken, those that wait for a lost worker go on from their last task. One that has
 * an activity or a task under way is only late, and left alone. Brought along, it has its message delivered, or, if that has
 * landed without it, reads so in the ledger and ends.
 */
export function startSweepOfWorkflows(
  deps: {
    pool: Pool;
    clock: DatabaseClock;
    waiting: Pick<Waiting, 'runs'>;
    revival: Revival;
    metrics: Pick<Metrics, 'rescued'>;
    log: Pick<Logger, 'warn'>;
    onError(error: unknown): void;
  },
  topic: Topic,
  { graceMs, everyMs }: SweepLimits,
): BackgroundLoop {
  const { pool, clock, waiting, revival, metrics, log, onError } = deps;
  const patience = createPatience<MessageStatus>({ shortestMs: 4 * everyMs });

  async function bringAlong(run: MessageStatus, isShort: Record<Queue, boolean>): Promise<void> {
    patience.failed(run.runId, run);
    const found = await revival.underWay(run, LOST_AFTER_GRACES * graceMs);
    if (found.what === 'ended' || found.what === 'something') return;
    // In a long queue before the workers it is rather late than lost.
    if (found.what === 'lost' && found.queue && !isShort[found.queue]) return;
    // A message started by hand carries no memo; taken for its first cycle, the ledger says later if it is not.
    const { tenant, key, cycle = 1 } = run;
    const [undecided] = await findMissing(pool, topic.name, [{ tenant, key, cycle }]);
    if (found.what === 'nothing') await revival.wake(run, found);
    else if (!(await revival.reset(run))) return;
    if (undecided === undefined) return;
    metrics.rescued(topic.name, 'notWoken', 1);
    log.warn({ part: 'sweep', ...named({ ...run, cycle }), reason: 'notWoken' }, 'rescued');
  }

  async function shortQueues(): Promise<Record<Queue, boolean>> {
    const names = { workflows: WORKFLOW_TASK_QUEUE, deliveries: deliveryTaskQueue(topic.name) };
    const isShort = async (queue: Queue) =>
      ((await revival.backlogAgeMs(names[queue], queue)) ?? Number.POSITIVE_INFINITY) < graceMs;
    return { workflows: await isShort('workflows'), deliveries: await isShort('deliveries') };
  }

  async function look(): Promise<'more' | 'idle'> {
    if (!(await takeTurn(pool, `sweep of workflows: ${topic.name}`, everyMs))) return 'idle';
    const overdue = { topic: topic.name, dueTo: Math.round(clock.now() - graceMs) };
    const runs = await waiting.runs(overdue, { limit: BATCH, except: ({ runId }) => patience.has(runId) });
    if (runs.length > 0) {
      const isShort = await shortQueues();
      await someAtATime(runs, AT_ONCE, (run) =>
        bringAlong(run, isShort).catch((error) => onError(concerning(error, run))),
      );
    }
    patience.tidy();
    return 'idle';
  }

  return runInBackground(look, { pauseMs: everyMs, onError });
}
