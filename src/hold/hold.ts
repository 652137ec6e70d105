import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { named } from '../concern';
import { type Delivery, deliveryIdOf, errorNames } from '../contract';
import type { DatabaseClock } from '../database-clock';
import { afterLandings } from '../landing/after-landings';
import type { Landing } from '../landing/landing';
import { createQueues, type LandingLimits } from '../landing/queues';
import { createResultPacer } from '../landing/result-pacer';
import type { Lanes } from '../lanes/following';
import { STABLE } from '../lanes/lane';
import type { Metrics } from '../metrics';
import type { Topic } from '../topic';
import { createDueTimes } from './due-times';
import { type Attempt, type Entry, entryOf, type Heard } from './entry';
import { createHeldWriter } from './held-writer';
import { createLaneRouting } from './lane-routing';
import { createLeadWatch } from './lead-watch';
import { reportLanded } from './report-landed';
import { handedBack, retryLater } from './retry-later';

export interface HoldLimits extends LandingLimits {
  /** At most so many messages in this process's memory. */
  heldMessages: number;
}

// What is due this soon is landed here even by a worker that was told to stop: nobody could take it over in time.
const KEEP_WHEN_STOPPING_MS = 2_000;
// Clocks of servers in one place differ by milliseconds. More than this beyond the lead is a clock that is wrong, or a
// message that was woken by hand: it goes back to Temporal, where waiting costs nothing.
const EARLY_ALLOWANCE_MS = 60_000;
// For so long at most: how much time is left was said by a clock that may be the wrong one.
const BACK_AFTER_MS = 600_000;
// The clock is read twice a second.
const ASK_AGAIN_MS = 1_000;

/**
 * Holds deliveries in memory until they are due by the database's clock, and has each landed once. What it holds is
 * written down as well, so that another worker lands it if this one dies.
 */
export function createHold(
  deps: {
    pool: Pool;
    worker: string;
    lanes: Lanes;
    clock: DatabaseClock;
    metrics: Metrics;
    log: Pick<Logger, 'warn' | 'info' | 'debug'>;
    signal: AbortSignal;
    /** Told of each delivery that is held from now on, and again of all when the lanes have changed. */
    onHeld?(topic: Topic, delivery: Delivery): void;
    onError(error: unknown): void;
  },
  limits: HoldLimits,
) {
  const { lanes, clock, metrics, log } = deps;
  const entries = new Map<string, Entry>();
  const held = createHeldWriter({ ...deps, lane: lanes.mine }, (delivery) => entries.has(deliveryIdOf(delivery)));
  const landingsOver = afterLandings(() => queues.landing());
  const pacer = createResultPacer(landingsOver);
  const placing = createLaneRouting(deps, held, landingsOver, {
    all: () => entries.values(),
    known: (delivery) => entries.get(deliveryIdOf(delivery)),
    holdOn: add,
    setAside(entry) {
      entry.state = 'leaving';
      entries.set(deliveryIdOf(entry.delivery), entry);
      dueTimes.remove(entry.delivery.message.dueAt, entry);
    },
    letGo: (entry) => void entries.delete(deliveryIdOf(entry.delivery)),
  });
  const lane = lanes.mine === STABLE ? undefined : placing.landingLane((...due) => queues.offer(...due));
  const queues = createQueues({ ...deps, lane }, limits, onLanded);
  const leadWatch = createLeadWatch(metrics);
  const dueTimes = createDueTimes<Entry>(clock, (due) => {
    for (const entry of due) entry.state = 'landing';
    for (const topic of new Set(due.map((entry) => entry.topic))) {
      const deliveries = due.filter((entry) => entry.topic === topic).map(({ delivery }) => delivery);
      queues.offer(topic, deliveries);
    }
  });
  let stopping = false;

  /** Holds a delivery for an attempt of its activity, which hears of the landing, or of what is to be tried again. */
  function keep(topic: Topic, delivery: Delivery, attempt: Attempt): void {
    const { message, late } = delivery;
    const now = clock.now();
    const inMs = message.dueAt - now;
    const known = entries.get(deliveryIdOf(delivery));
    // A second attempt finds the delivery here when only the first one's way to Temporal was broken.
    if (known) known.attempts.push(attempt);
    else if (stopping && inMs > KEEP_WHEN_STOPPING_MS) attempt.reject(handedBack(delivery, inMs));
    else if (inMs > (message.leadMs ?? 0) + EARLY_ALLOWANCE_MS || entries.size >= limits.heldMessages) {
      attempt.reject(retryLater(errorNames.notDue, Math.min(BACK_AFTER_MS, inMs - (message.leadMs ?? 0))));
    } else {
      const [mine] = placing.place([entryOf(topic, delivery, { attempts: [attempt], heldWhenDue: inMs > 0 || late })]);
      if (!mine) return;
      leadWatch.woken(delivery, now);
      add(mine);
      held.write(mine.delivery, inMs);
    }
  }

  /**
   * Holds what another worker held before, or nobody, and returns what of it is held now: not what was before, nor what is
   * another lane's. No attempt waits for it here until Temporal makes one.
   */
  function takeOver(topic: Topic, deliveries: Delivery[], heard?: Heard): Delivery[] {
    const unknown = deliveries.filter((delivery) => !entries.has(deliveryIdOf(delivery)));
    const taken = unknown.map((delivery) => entryOf(topic, delivery, { heldWhenDue: heard === undefined, heard }));
    // What somebody wants to hear of lands here: it is overdue, and no time is left to follow rules.
    const staying = heard ? taken : placing.place(taken);
    for (const entry of staying) add(entry);
    return staying.map(({ delivery }) => delivery);
  }

  function add(entry: Entry): void {
    entry.state = 'held';
    entries.set(deliveryIdOf(entry.delivery), entry);
    dueTimes.add(entry.delivery.message.dueAt, entry);
    deps.onHeld?.(entry.topic, entry.delivery);
  }

  /** Follows the lanes' rules as they are now, and lets whoever wants to know see what stays. */
  function reroute(): void {
    placing.reroute();
    for (const { topic, delivery, state } of entries.values()) if (state === 'held') deps.onHeld?.(topic, delivery);
  }

  function onLanded(topic: Topic, delivery: Delivery, landing: Landing): void {
    const entry = entries.get(deliveryIdOf(delivery));
    if (!entry) return;
    if ('notDueForMs' in landing) {
      // If the clock takes it for due all the same, the database's has gone back: soon a reading will tell.
      dueTimes.add(delivery.message.dueAt, entry, { soonestMs: Math.min(landing.notDueForMs, ASK_AGAIN_MS) });
      return;
    }
    entries.delete(deliveryIdOf(delivery));
    if ('error' in landing && lanes.mine !== STABLE) return void placing.giveUp(entry, landing.error);
    held.strike(delivery);
    entry.heard?.(delivery, landing);
    if ('error' in landing) {
      metrics.landingFailed(topic.name);
      log.warn({ part: 'landing', ...named(delivery.message), err: landing.error }, 'not landed, and tried again');
      for (const attempt of entry.attempts) attempt.reject(landing.error);
      return;
    }
    if (!landing.before) reportLanded(deps, entry, landing.decision);
    pacer.add(entry.attempts.map((attempt) => ({ ...attempt, report: () => attempt.resolve(landing.decision) })));
  }

  /** Gives back what is not due for a while, for other workers to hold, and takes no more of it. */
  function handBack(): void {
    stopping = true;
    for (const [id, entry] of entries) {
      const { dueAt } = entry.delivery.message;
      const inMs = dueAt - clock.now();
      if (inMs <= KEEP_WHEN_STOPPING_MS) continue;
      dueTimes.remove(dueAt, entry);
      entries.delete(id);
      for (const attempt of entry.attempts) attempt.reject(handedBack(entry.delivery, inMs));
    }
  }

  function report(topics: Topic[]): void {
    for (const topic of topics) {
      metrics.held(topic.name, [...entries.values()].filter((entry) => entry.topic === topic).length);
    }
    metrics.releasing(pacer.backlog());
  }

  const writeAgain = () => held.writeAll(entries.values());
  const { resetTimers } = dueTimes;
  return { keep, takeOver, reroute, handBack, report, writeAgain, resetTimers, landingsOver, stop: held.stop };
}

export type Hold = ReturnType<typeof createHold>;
