import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { STABLE } from '../../message/lane-name';
import type { DatabaseClock } from '../../platform/database/clock';
import { messageFields, withErrorContext } from '../../platform/telemetry/error-context';
import type { Metrics } from '../../platform/telemetry/metrics';
import { readThrown } from '../../platform/telemetry/thrown';
import { handOver, returnToStable } from '../held/hand-over';
import type { HeldMessage } from '../held/held-message';
import type { HeldMessages } from '../held/held-messages';
import type { WorkerLanes } from '../lanes/worker-lanes';
import type { HeldWriter } from './held-writer';

// Another lane takes over within half a second. A message that is due sooner than this stays in stable.
const TIME_TO_MOVE_MS = 1_500;
// A named lane cannot land a message of another lane. While PostgreSQL is away it tries to leave it this often.
const TRY_AGAIN_MS = 500;

/**
 * Keeps only this lane's messages in the hold. Messages of another lane go to its workers; messages that this lane failed to
 * land go to stable. While the database takes no writes, every message stays, and none can land.
 */
export function createLaneRouting(
  deps: {
    pool: Pool;
    worker: string;
    lanes: WorkerLanes;
    clock: Pick<DatabaseClock, 'now'>;
    metrics: Pick<Metrics, 'laneFellBack' | 'laneFailed'>;
    log: Pick<Logger, 'warn'>;
    onError(error: unknown): void;
  },
  messages: HeldMessages,
  writer: Pick<HeldWriter, 'exclusively' | 'write'>,
) {
  const { pool, worker, lanes, clock, metrics, log, onError } = deps;
  const dueInMs = ({ delivery }: HeldMessage) => delivery.message.dueAt - clock.now();

  messages.on('rerouting', (rerouting, cause) => {
    if (cause.kind === 'rulesChanged') void chooseAnew(rerouting);
    else for (const message of rerouting) void giveUp(message, cause.error);
  });

  /** Leaves messages of other lanes to those lanes; returns the others, which stay. */
  function routeToLanes(candidates: HeldMessage[]): HeldMessage[] {
    const leaving = new Map<string, HeldMessage[]>();
    const staying = candidates.filter((message) => {
      const lane = laneOf(message);
      if (lane === lanes.ownLane) return true;
      const others = leaving.get(lane);
      if (others) others.push(message);
      else leaving.set(lane, [message]);
      return false;
    });
    for (const [lane, those] of leaving) void leave(those, lane);
    return staying;
  }

  function laneOf(message: HeldMessage): string {
    const { delivery, attempts } = message;
    const { lane, reason, fellBackFrom } = lanes.choose(delivery);
    if (fellBackFrom && delivery.laneReason !== reason) reportFellBack(message, fellBackFrom, { reason: 'notServed' });
    message.delivery = { ...delivery, laneReason: reason };
    // A workflow of an earlier release waits for a decision, and would not understand a lane's name.
    return attempts.length > 0 && !delivery.knowsLanes ? lanes.ownLane : lane;
  }

  async function leave(candidates: HeldMessage[], lane: string): Promise<void> {
    const leaving = messages.leave(candidates);
    const deliveries = leaving.map(({ delivery }) => delivery);
    try {
      await writer.exclusively(() => handOver(pool, worker, lane, deliveries));
    } catch (error) {
      onError(error);
      const wait = lanes.ownLane === STABLE ? undefined : { soonestMs: TRY_AGAIN_MS };
      for (const message of leaving) {
        // Its row may be missing: none is written for a message that is leaving.
        if (messages.hold(message, wait)) writer.write(message.delivery, dueInMs(message));
      }
      return;
    }
    for (const message of leaving) messages.settle(message, { kind: 'left', lane });
  }

  /** Routes held messages by the rules as they are now, if there is time. */
  function rerouteAfterChange(): void {
    // A message that a named lane has lost always leaves: it could not land there.
    const mayMove = (message: HeldMessage) => lanes.ownLane !== STABLE || dueInMs(message) > TIME_TO_MOVE_MS;
    routeToLanes([...messages.all()].filter((one) => one.state === 'held' && !one.onSettled && mayMove(one)));
  }

  /** The landing found that the rules have changed. A message that stays in this lane is due, and lands at once. */
  async function chooseAnew(rerouting: HeldMessage[]): Promise<void> {
    await lanes.refresh().catch(onError);
    for (const message of routeToLanes(rerouting)) messages.hold(message);
  }

  /** Leaves to stable a message that this lane failed to land. */
  async function giveUp(message: HeldMessage, error: unknown): Promise<void> {
    const { topic, delivery } = message;
    metrics.laneFailed(topic.name, lanes.ownLane);
    reportFellBack(message, lanes.ownLane, { reason: 'failed', error });
    messages.leave([message]);
    const failed = [{ delivery: { ...delivery, cameBackFrom: lanes.ownLane }, why: readThrown(error).message }];
    await writer
      .exclusively(() => returnToStable(pool, worker, lanes.ownLane, failed))
      // Without the row, stable takes the message over two seconds after it was due.
      .catch((cause) => onError(withErrorContext(cause, delivery.message)));
    messages.settle(message, { kind: 'laneFailed', lane: lanes.ownLane });
  }

  function reportFellBack(
    { topic, delivery }: HeldMessage,
    lane: string,
    { reason, error: err }: { reason: 'notServed' | 'failed'; error?: unknown },
  ): void {
    metrics.laneFellBack(topic.name, lane, reason, 1);
    log.warn({ part: 'lanes', ...messageFields(delivery.message), lane, reason, err }, 'fell back to stable');
  }

  return { routeToLanes, rerouteAfterChange };
}

export type LaneRouting = ReturnType<typeof createLaneRouting>;
