import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Delivery } from '../../message/contract';
import { STABLE } from '../../message/lane-name';
import type { DatabaseClock } from '../../platform/database/clock';
import {
  deregister,
  findDeadWorkers,
  recordHeartbeat,
  removeDeadWorkers,
  WORKER_DEAD_AFTER_MS,
} from '../../platform/database/worker-registry';
import { type BackgroundLoop, runInBackground } from '../../platform/loops/background-loop';
import { messageFields } from '../../platform/telemetry/error-context';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Topic } from '../../topics/topic';
import { claimFallbacks } from '../held/hand-over';
import { takeOver } from '../held/held-rows';
import type { CommandsFirst } from './commands-first';
import type { Hold } from './hold';

// Twice a second: a message that a stopping worker hands over two seconds before it is due must be here in time.
const LOOK_MS = 500;
const BATCH = 500;
// A worker that lives takes messages over seconds after the other one has died. Later, none was there when they were due.
const UNATTENDED_AFTER_MS = 10_000;

/**
 * Records this worker's heartbeat twice a second, and takes over the messages of workers without a heartbeat. A held
 * message lands as long as one worker of its topic is left. Workers of a named lane take over messages of their lane.
 * Stable's workers also take over the messages that no lane lands.
 */
export function startTakeOver(
  deps: {
    pool: Pool;
    worker: string;
    clock: DatabaseClock;
    commandsFirst: Pick<CommandsFirst, 'landInOrder'>;
    metrics: Metrics;
    log: Pick<Logger, 'info' | 'warn'>;
    build?: string;
    onError(error: unknown): void;
  },
  hold: Pick<Hold, 'takeOver' | 'writeAgain' | 'report' | 'resetTimers'>,
  topics: Topic[],
  lane = STABLE,
): BackgroundLoop {
  const { pool, worker, clock, commandsFirst, metrics, log, build, onError } = deps;
  const stopping = new AbortController();
  const names = topics.map(({ name }) => name);
  const paced = topics.filter(({ landingsPerSecond }) => landingsPerSecond !== undefined).map(({ name }) => name);
  let known = false;

  async function look(): Promise<'more' | 'idle'> {
    hold.report(topics);
    const jumpedMs = await clock.read(pool);
    if (jumpedMs !== 0) hold.resetTimers();
    const unknown = await recordHeartbeat(pool, worker, { lane, topics: names, build });
    // Other workers took this one for dead, or a crash of the database has emptied the tables.
    if (unknown && known) hold.writeAgain();
    known = true;
    // No other worker has recorded a heartbeat by the new time yet.
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

  /** Takes over messages that their lanes do not land; returns how many. */
  async function lookAfterLanes(): Promise<number> {
    const fallbacks = await claimFallbacks(pool, worker, { topics: names, paced, limit: BATCH });
    keep(fallbacks.map(({ delivery }) => delivery));
    for (const { delivery, lane: from, reason } of fallbacks) {
      metrics.laneFellBack(delivery.message.topic, from, reason, 1);
      log.warn({ part: 'lanes', ...messageFields(delivery.message), lane: from, reason }, 'fell back to stable');
    }
    return fallbacks.length;
  }

  function keep(deliveries: Delivery[]): void {
    for (const topic of topics) {
      const own = deliveries.filter(({ message }) => message.topic === topic.name);
      const land = (ready: Delivery[]) => void hold.takeOver(topic, ready);
      land(own.filter((delivery) => !isUnattended(delivery)));
      const unattended = own.filter(isUnattended);
      if (unattended.length > 0) void commandsFirst.landInOrder(unattended, land, stopping.signal);
    }
  }

  /** Nobody could decide its commands either, and they may have come in time. */
  const isUnattended = ({ message }: Delivery) => clock.now() - message.dueAt > UNATTENDED_AFTER_MS;

  const loop = runInBackground(look, { pauseMs: LOOK_MS, onError });
  return {
    nudge: loop.nudge,
    async stop() {
      stopping.abort();
      await loop.stop();
      // Without the database this fails. Then the missing heartbeat tells the other workers.
      await deregister(pool, worker).catch(onError);
    },
  };
}
