import pMap from 'p-map';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { findMissing } from '../delivery/held/not-held';
import { deliveryTaskQueue, WORKFLOW_TASK_QUEUE } from '../message/contract';
import type { DatabaseClock } from '../platform/database/clock';
import { acquireLease } from '../platform/database/lease';
import { type BackgroundLoop, runInBackground } from '../platform/loops/background-loop';
import { messageFields, withErrorContext } from '../platform/telemetry/error-context';
import type { Metrics } from '../platform/telemetry/metrics';
import type { MessageStatus } from '../producing/message-status';
import type { Waiting } from '../producing/waiting-runs';
import type { Topic } from '../topics/topic';
import { createBackoff } from './backoff';
import type { SweepLimits } from './overdue-rows';
import type { Recovery } from './recovery';

type Queue = 'workflows' | 'deliveries';

// Work counts as lost this many graces after the server's own time-out: a minute with the default grace.
const LOST_AFTER_GRACES = 6;
// Runs per round. A server that is late with its timers must not be asked about all of them.
const BATCH = 50;
const CONCURRENCY = 10;

/**
 * Recovers overdue workflows that Temporal will never continue, as their timer, or that of a time-out, is lost. A
 * sleeping workflow is woken; one that waits for a lost worker is reset to its last task. A workflow with an activity
 * or a task in progress is only late, and is left alone. A recovered workflow delivers its message, or reads in the
 * ledger that the message has landed, and ends.
 */
export function startSweepOfWorkflows(
  deps: {
    pool: Pool;
    clock: DatabaseClock;
    waiting: Pick<Waiting, 'runs'>;
    recovery: Recovery;
    metrics: Pick<Metrics, 'rescued'>;
    log: Pick<Logger, 'warn'>;
    onError(error: unknown): void;
  },
  topic: Topic,
  { graceMs, everyMs }: SweepLimits,
): BackgroundLoop {
  const { pool, clock, waiting, recovery, metrics, log, onError } = deps;
  const backoff = createBackoff<MessageStatus>({ shortestMs: 4 * everyMs });

  async function recover(run: MessageStatus, isShort: Record<Queue, boolean>): Promise<void> {
    backoff.recordFailure(run.runId, run);
    const found = await recovery.progressOf(run, LOST_AFTER_GRACES * graceMs);
    if (found.state === 'closed' || found.state === 'inProgress') return;
    // In a queue with a backlog the task is more likely late than lost.
    if (found.state === 'lost' && found.queue && !isShort[found.queue]) return;
    // A workflow started by hand has no memo. It counts as cycle 1; the ledger corrects that later if it is not.
    const { tenant, key, cycle = 1 } = run;
    const [undecided] = await findMissing(pool, topic.name, [{ tenant, key, cycle }]);
    if (found.state === 'idle') await recovery.wake(run, found);
    else if (!(await recovery.reset(run))) return;
    if (undecided === undefined) return;
    metrics.rescued(topic.name, 'notWoken', 1);
    log.warn({ part: 'sweep', ...messageFields({ ...run, cycle }), reason: 'notWoken' }, 'rescued');
  }

  async function findShortQueues(): Promise<Record<Queue, boolean>> {
    const names = { workflows: WORKFLOW_TASK_QUEUE, deliveries: deliveryTaskQueue(topic.name) };
    const isShort = async (queue: Queue) =>
      ((await recovery.backlogAgeMs(names[queue], queue)) ?? Number.POSITIVE_INFINITY) < graceMs;
    return { workflows: await isShort('workflows'), deliveries: await isShort('deliveries') };
  }

  async function sweepOnce(): Promise<'more' | 'idle'> {
    if (!(await acquireLease(pool, `sweep of workflows: ${topic.name}`, everyMs))) return 'idle';
    const overdue = { topic: topic.name, dueTo: Math.round(clock.now() - graceMs) };
    const runs = await waiting.runs(overdue, { limit: BATCH, except: ({ runId }) => backoff.isBackingOff(runId) });
    if (runs.length > 0) {
      const isShort = await findShortQueues();
      const recoverRun = (run: MessageStatus) =>
        recover(run, isShort).catch((error) => onError(withErrorContext(error, run)));
      await pMap(runs, recoverRun, { concurrency: CONCURRENCY });
    }
    backoff.prune();
    return 'idle';
  }

  return runInBackground(sweepOnce, { pauseMs: everyMs, onError });
}
