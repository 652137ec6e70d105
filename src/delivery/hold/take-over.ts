import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Delivery } from '../../message/contract';
import { STABLE } from '../../message/lane-name';
import type { DatabaseClock } from '../../platform/database/clock';
import { deregister, removeDeadWorkers, WORKER_DEAD_AFTER_MS } from '../../platform/database/worker-registry';
import { type BackgroundLoop, runInBackground } from '../../platform/loops/background-loop';
import { messageFields } from '../../platform/telemetry/error-context';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Topic } from '../../topics/topic';
import { claimFallbacks } from '../held/hand-over';
import { takeOver } from '../held/held-rows';
import { lookAround } from '../held/look-around';
import type { WorkerLanes } from '../lanes/worker-lanes';
import type { CommandsFirst } from './commands-first';
import type { Hold } from './hold';

// Twice a second: a message that a stopping worker hands over two seconds before it is due must be here in time.
const LOOK_MS = 500;
const BATCH = 500;
// A worker that lives takes messages over seconds after the other one has died. Later, none was there when they were due.
const UNATTENDED_AFTER_MS = 10_000;
// While nothing is held, no timer runs by the clock, and each look shows a jump of more than this.
const READ_CLOCK_EVERY_MS = 5_000;
const JUMP_MS = 100;

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
    lanes?: Pick<WorkerLanes, 'setAny'>;
    metrics: Metrics;
    log: Pick<Logger, 'info' | 'warn'>;
    build?: string;
    onError(error: unknown): void;
  },
  hold: Pick<Hold, 'takeOver' | 'writeAgain' | 'report' | 'holdsAny' | 'resetTimers'>,
  topics: Topic[],
  lane = STABLE,
): BackgroundLoop {
  const { pool, worker, clock, lanes, commandsFirst, metrics, log, build, onError } = deps;
  const stopping = new AbortController();
  const names = topics.map(({ name }) => name);
  const paced = topics.filter(({ landingsPerSecond }) => landingsPerSecond !== undefined).map(({ name }) => name);
  let known = false;
  let readClockAt = 0;

  async function readClock(): Promise<number> {
    readClockAt = performance.now() + READ_CLOCK_EVERY_MS;
    const jumpedMs = await clock.read(pool);
    if (jumpedMs !== 0) hold.resetTimers();
    return jumpedMs;
  }

  async function look(): Promise<'more' | 'idle'> {
    hold.report(topics);
    let jumpedMs = hold.holdsAny(topics) || performance.now() >= readClockAt ? await readClock() : 0;
    const { isNew, dead, nowMs, someLeft, someInLanes, anyLane } = await lookAround(pool, worker, {
      lane,
      topics: names,
      build,
    });
    // Other workers took this one for dead, or a crash of the database has emptied the tables.
    if (isNew && known) hold.writeAgain();
    known = true;
    lanes?.setAny(anyLane);
    if (Math.abs(nowMs - clock.now()) > JUMP_MS) jumpedMs += await readClock();
    // No other worker has recorded a heartbeat by the new time yet.
    if (Math.abs(jumpedMs) >= WORKER_DEAD_AFTER_MS) return 'idle';
    if (dead.length > 0 || someLeft) {
      const deliveries = await takeOver(pool, worker, { dead, lane, topics: names, limit: BATCH });
      keep(deliveries);
      if (dead.length > 0) metrics.takenOver(deliveries.length);
      if (deliveries.length > 0) log.info({ part: 'take-over', from: dead, messages: deliveries.length }, 'taken over');
      if (deliveries.length === BATCH) return 'more';
    }
    if (someInLanes && lane === STABLE && (await lookAfterLanes()) === BATCH) return 'more';
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
    nudgeIn: loop.nudgeIn,
    async stop() {
      stopping.abort();
      await loop.stop();
      // Without the database this fails. Then the missing heartbeat tells the other workers.
      await deregister(pool, worker).catch(onError);
    },
  };
}
