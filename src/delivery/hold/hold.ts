import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Delivery } from '../../message/contract';
import type { DatabaseClock } from '../../platform/database/clock';
import { afterLandings } from '../../platform/loops/after-landings';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Topic } from '../../topics/topic';
import { createHeldMessages } from '../held/held-messages';
import { createQueues } from '../landing/queues';
import type { LandingLimits } from '../landing/topic-queues';
import type { WorkerLanes } from '../lanes/worker-lanes';
import { answerAttempts } from './answer-attempts';
import { createLedgerAnswers } from './answer-from-ledger';
import { createHeldWriter } from './held-writer';
import { createIntake } from './intake';
import { createLaneRouting } from './lane-routing';
import { createPlaces } from './places';
import { reportLanded } from './report-landed';
import { createUnattended } from './unattended';
import { type Waking, wakeLanded } from './wake-landed';

export interface HoldLimits extends LandingLimits {
  /** At most so many messages with attempts in this process's memory. */
  heldMessages: number;
}

// A message without an attempt takes a tenth of the memory of one with an attempt.
const WITHOUT_ATTEMPT_PER_PLACE = 10;
const FULL_REPORTED_EVERY_MS = 60_000;

/**
 * Holds deliveries in memory until they are due by the database's clock, and has each landed once. It also writes down
 * what it holds, so that another worker lands it if this one dies. The parts share the store of held messages, and do not
 * know each other.
 */
export function createHold(
  deps: {
    pool: Pool;
    worker: string;
    lanes: WorkerLanes;
    clock: DatabaseClock;
    metrics: Metrics;
    log: Pick<Logger, 'warn' | 'info' | 'debug'>;
    signal: AbortSignal;
    /** Called for each delivery that is held from now on, and again for all of them when the lanes have changed. */
    onHeld?(topic: Topic, delivery: Delivery): void;
    /** Wakes the runs of messages in bursts after they have landed. Without it they wake by themselves. */
    waking?: Waking;
    onError(error: unknown): void;
  },
  limits: HoldLimits,
) {
  const { metrics, log, onHeld } = deps;
  let fullReportedAt = Number.NEGATIVE_INFINITY;
  const messages = createHeldMessages(deps);
  const writer = createHeldWriter({ ...deps, lane: deps.lanes.ownLane }, messages);
  const queues = createQueues(deps, limits, messages);
  const landingsOver = afterLandings(queues.landing);
  const answers = answerAttempts(messages, landingsOver);
  const toWake = deps.waking && wakeLanded({ ...deps, waking: deps.waking, landingsOver }, messages);
  const unattended = createUnattended(deps.clock, messages);
  reportLanded(deps, messages);
  const routing = createLaneRouting(deps, messages, writer);
  const places = createPlaces({ clock: deps.clock, onFull: reportFull }, limits.heldMessages, messages, queues);
  const answerFromLedger = createLedgerAnswers(deps);
  const { keep, takeOver, handBack, wakesAreLate } = createIntake(deps, {
    messages,
    places,
    answerFromLedger,
    routing,
    writer,
  });
  messages.on('held', ({ topic, delivery }, from) => {
    // A message that was landed too early has been seen before.
    if (from !== 'landing') onHeld?.(topic, delivery);
  });

  /** Follows the lanes' rules as they are now, and calls `onHeld` for every message that stays. */
  function reroute(): void {
    routing.rerouteAfterChange();
    for (const { topic, delivery, state } of messages.all()) if (state === 'held') onHeld?.(topic, delivery);
  }

  function reportFull(): void {
    if (Date.now() < fullReportedAt + FULL_REPORTED_EVERY_MS) return;
    fullReportedAt = Date.now();
    log.warn({ part: 'hold', heldMessages: limits.heldMessages }, 'the hold is full');
  }

  function report(topics: Topic[]): void {
    for (const topic of topics) metrics.held(topic.name, messages.countOf(topic));
    metrics.releasing(answers.backlog());
    metrics.toWake(toWake?.backlog() ?? 0);
  }

  /**
   * How many more messages of a topic there is memory for without attempts: half of what is free. Each of so many topics has a
   * share that no other can take.
   */
  function room(topic: Topic, topics: number): number {
    const all = WITHOUT_ATTEMPT_PER_PLACE * limits.heldMessages;
    const share = Math.floor(all / 2 / topics) - messages.countOf(topic);
    return Math.max(0, share, Math.floor((all - messages.size()) / 2));
  }

  const holdsAny = (topics: Topic[]) => topics.some((topic) => messages.countOf(topic) > 0);

  return {
    ...{ keep, takeOver, room, reroute, handBack, wakesAreLate, ...unattended, report, holdsAny, landingsOver },
    writeAgain: () => writer.writeAll(messages.all()),
    resetTimers: messages.resetTimers,
    stop: writer.stop,
  };
}

export type Hold = ReturnType<typeof createHold>;
