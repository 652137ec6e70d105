import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { type BackgroundLoop, runInBackground } from '../background-loop';
import { named } from '../concern';
import type { Delivery } from '../contract';
import type { DatabaseClock } from '../database-clock';
import { takeFallbacks } from '../lanes/hand-over';
import { STABLE } from '../lanes/lane';
import type { Metrics } from '../metrics';
import type { Topic } from '../topic';
import { takeOver } from './held-rows';
import type { Hold } from './hold';
import {
  deregister,
  findDeadWorkers,
  recordHeartbeat,
  removeDeadWorkers,
  WORKER_DEAD_AFTER_MS,
} from './worker-registry';

// Twice a second: what a stopping worker hands over two seconds before it is due must be here in time.
const LOOK_MS = 500;
const BATCH = 500;

/**
 * Says twice a second that this worker is at work, and takes over what others held that no longer say so. Whatever
 * becomes of the workers, a message that was held is landed as long as one of its topic's is left. Those of a named lane look
 * after their own; stable's after whatever no lane lands, too.
 */
export function startTakeOver(
  deps: {
    pool: Pool;
    worker: string;
    clock: DatabaseClock;
    metrics: Metrics;
    log: Pick<Logger, 'info' | 'warn'>;
    build?: string;
    onError(error: unknown): void;
  },
  hold: Pick<Hold, 'takeOver' | 'writeAgain' | 'report' | 'resetTimers'>,
  topics: Topic[],
  lane = STABLE,
): BackgroundLoop {
  const { pool, worker, clock, metrics, log, build, onError } = deps;
  const names = topics.map(({ name }) => name);
  const paced = topics.filter(({ landingsPerSecond }) => landingsPerSecond !== undefined).map(({ name }) => name);
  let known = false;

  async function look(): Promise<'more' | 'idle'> {
    hold.report(topics);
    const jumpedMs = await clock.read(pool);
    if (jumpedMs !== 0) hold.resetTimers();
    const unknown = await recordHeartbeat(pool, worker, { lane, topics: names, build });
    // Taken for dead, or the database has crashed and with it forgotten what was held.
    if (unknown && known) hold.writeAgain();
    known = true;
    // By the new time nobody else has said it yet.
    if (Math.abs(jumpedMs) >= WORKER_DEAD_AFTER_MS) return 'idle';
    const dead = await findDeadWorkers(pool, worker);
    const deliveries = await takeOver(pool, worker, { dead, lane, topics: names, limit: BATCH });
    keep(deliveries);
    if (dead.length > 0) metrics.takenOver(deliveries.length);
    if (deliveries.length > 0) log.info({ part: 'take-over', from: dead, messages: deliveries.length }, 'taken over');
    if (deliveries.length === BATCH) return 'more';
    if (lane === STABLE && (await lookAfterLanes()) === BATCH) return 'more';
    if (dead.length > 0) await removeDeadWorkers(pool, dead);
    return 'idle';
  }

  /** Lands for other lanes what they do not; returns how many. */
  async function lookAfterLanes(): Promise<number> {
    const fallbacks = await takeFallbacks(pool, worker, { topics: names, paced, limit: BATCH });
    keep(fallbacks.map(({ delivery }) => delivery));
    for (const { delivery, lane: from, reason } of fallbacks) {
      metrics.laneFellBack(delivery.message.topic, from, reason, 1);
      log.warn({ part: 'lanes', ...named(delivery.message), lane: from, reason }, 'fell back to stable');
    }
    return fallbacks.length;
  }

  function keep(deliveries: Delivery[]): void {
    for (const topic of topics) {
      hold.takeOver(
        topic,
        deliveries.filter(({ message }) => message.topic === topic.name),
      );
    }
  }

  const loop = runInBackground(look, { pauseMs: LOOK_MS, onError });
  return {
    nudge: loop.nudge,
    async stop() {
      await loop.stop();
      // Without the database it cannot be said; then the silence tells the others.
      await deregister(pool, worker).catch(onError);
    },
  };
}
