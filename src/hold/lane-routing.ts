import { setTimeout as pause } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { concerning, named } from '../concern';
import { type Delivery, errorNames } from '../contract';
import type { DatabaseClock } from '../database-clock';
import type { AfterLandings } from '../landing/after-landings';
import type { QueuesLane } from '../landing/lane';
import { createResultPacer } from '../landing/result-pacer';
import type { Lanes } from '../lanes/following';
import { giveBack, leaveTo } from '../lanes/hand-over';
import { STABLE } from '../lanes/lane';
import type { Metrics } from '../metrics';
import type { Topic } from '../topic';
import type { Entry } from './entry';
import type { HeldWriter } from './held-writer';

// What goes to another lane is taken over there within half a second; what is due sooner than this stays where it is.
const TIME_TO_MOVE_MS = 1_500;
// Eight at a time, the least that is told at once: what two cores carry beside wakes. Nobody waits for it to land anything.
const TELL_EVERY_MS = 300;

/** What placing needs of a hold. */
export interface Holding {
  all(): Iterable<Entry>;
  known(delivery: Delivery): Entry | undefined;
  /** Holds it until it is due, or on. */
  holdOn(entry: Entry): void;
  /** Knows of it without landing it: an attempt that comes meanwhile hears of it, too. */
  setAside(entry: Entry): void;
  letGo(entry: Entry): void;
}

/**
 * Sees to it that a hold has what is of its lane: what is another's is left to that lane's workers, what this lane has failed at
 * to stable. While the database takes nothing, nothing moves, and nobody lands anything either.
 */
export function createLaneRouting(
  deps: {
    pool: Pool;
    worker: string;
    lanes: Lanes;
    clock: Pick<DatabaseClock, 'now'>;
    metrics: Pick<Metrics, 'laneFellBack' | 'laneFailed'>;
    log: Pick<Logger, 'warn'>;
    onError(error: unknown): void;
  },
  held: Pick<HeldWriter, 'exclusively'>,
  landingsOver: AfterLandings,
  holding: Holding,
) {
  const { pool, worker, lanes, clock, metrics, log, onError } = deps;
  // Beside the results of landings, which are paced by runs that end: these go on, and would have them wait.
  const pacer = createResultPacer(landingsOver);

  /** Leaves what is another lane's; returns what stays. */
  function place(entries: Entry[]): Entry[] {
    const leaving = new Map<string, Entry[]>();
    const staying = entries.filter((entry) => {
      const lane = laneOf(entry);
      if (lane === lanes.mine) return true;
      leaving.set(lane, [...(leaving.get(lane) ?? []), entry]);
      return false;
    });
    for (const [lane, those] of leaving) void leave(those, lane);
    return staying;
  }

  function laneOf(entry: Entry): string {
    const { delivery, attempts } = entry;
    const { lane, reason, fellBackFrom } = lanes.choose(delivery);
    if (fellBackFrom && delivery.laneReason !== reason) tellFellBack(entry, fellBackFrom, { reason: 'notServed' });
    entry.delivery = { ...delivery, laneReason: reason };
    // Whoever waits for it, and knows no lanes, could not be told of one.
    return attempts.length > 0 && !delivery.knowsLanes ? lanes.mine : lane;
  }

  async function leave(leaving: Entry[], lane: string): Promise<void> {
    for (const entry of leaving) holding.setAside(entry);
    const deliveries = leaving.map(({ delivery }) => delivery);
    try {
      await held.exclusively(() => leaveTo(pool, worker, lane, deliveries));
    } catch (error) {
      onError(error);
      for (const entry of leaving) holding.holdOn(entry);
      return;
    }
    for (const entry of leaving) holding.letGo(entry);
    const attempts = leaving.flatMap((entry) => entry.attempts);
    const runClosed = () => pause(TELL_EVERY_MS);
    pacer.add(attempts.map((attempt) => ({ ...attempt, runClosed, report: () => attempt.resolve({ lane }) })));
  }

  /** Follows the rules as they are now with what is held and not due yet, where there is time. */
  function reroute(): void {
    // What is no longer a named lane's always goes: it could not be landed here.
    const mayMove = ({ delivery }: Entry) =>
      lanes.mine !== STABLE || delivery.message.dueAt - clock.now() > TIME_TO_MOVE_MS;
    place([...holding.all()].filter((entry) => entry.state === 'held' && !entry.heard && mayMove(entry)));
  }

  /** Leaves to stable what this lane has failed at; its attempts fail, so that their workflows turn to stable, too. */
  async function giveUp(entry: Entry, error: unknown): Promise<void> {
    const { topic, delivery, attempts } = entry;
    metrics.laneFailed(topic.name, lanes.mine);
    tellFellBack(entry, lanes.mine, { reason: 'failed', error });
    const why = error instanceof Error ? error.message : String(error);
    const failed = [{ delivery: { ...delivery, cameBackFrom: lanes.mine }, why }];
    await held
      .exclusively(() => giveBack(pool, worker, lanes.mine, failed))
      // Two seconds after it was due stable takes it all the same.
      .catch((cause) => onError(concerning(cause, delivery.message)));
    const failure = ApplicationFailure.nonRetryable(`${lanes.mine} did not land it`, errorNames.laneFailed);
    for (const attempt of attempts) attempt.reject(failure);
  }

  function tellFellBack(
    { topic, delivery }: Entry,
    lane: string,
    { reason, error: err }: { reason: 'notServed' | 'failed'; error?: unknown },
  ): void {
    metrics.laneFellBack(topic.name, lane, reason, 1);
    log.warn({ part: 'lanes', ...named(delivery.message), lane, reason, err }, 'fell back to stable');
  }

  /** For whom a named lane's queues land. */
  const landingLane = (offer: (topic: Topic, deliveries: Delivery[]) => void): QueuesLane => ({
    name: lanes.mine,
    versionOf: (topic) => lanes.board(topic.name).version,
    isMine: (delivery) => lanes.choose(delivery).lane === lanes.mine,
    async placeAnew(topic, deliveries) {
      await lanes.read().catch(onError);
      const known = deliveries.flatMap((delivery) => holding.known(delivery) ?? []);
      offer(
        topic,
        place(known).map(({ delivery }) => delivery),
      );
    },
  });

  return { place, reroute, giveUp, landingLane };
}
