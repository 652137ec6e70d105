import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import { concerning } from '../concern';
import { type Delivery, deliveryIdOf } from '../contract';
import { takesWrites } from '../database';
import type { Metrics } from '../metrics';
import type { Topic } from '../topic';
import { traceLanding } from '../tracing';
import { HandlerTimeout } from './answers';
import { type Landing, land } from './landing';
import { LaneChanged, type QueuesLane } from './lane';
import { takeSlots } from './rate-limit';
import { createSemaphore } from './semaphore';

export interface LandingLimits {
  /** At most so many messages in one transaction. */
  groupSize: number;
  /** So many landing transactions of groups at a time. */
  transactions: number;
}

interface Queue {
  topic: Topic;
  waiting: Delivery[];
  pumping: boolean;
}

// PostgreSQL keeps 64 subtransactions per backend at hand, and a plain handler's message costs one: with more, every
// other session looks them up on disk. It also keeps short how long the group's first rows stay locked.
const PLAIN_GROUP = 50;
// A tenth of a second's worth at a time: a pace should look like one, not like a pulse.
const PACED_GROUPS_PER_SECOND = 10;
// Beside the groups' transactions, so that messages which hang hold up each other at most.
const ALONE_AT_A_TIME = 4;
const PAUSE_WHILE_AWAY_MS = 500;

/**
 * Where due deliveries queue for their landing: in groups, earliest due first, the topics in turn. A group that fails
 * as a whole is landed one by one, and so is a message that failed before: a poisonous one delays nobody else.
 * `onLanded` hears of every delivery that was offered, once.
 */
export function createQueues(
  deps: { pool: Pool; metrics: Metrics; signal: AbortSignal; onError(error: unknown): void; lane?: QueuesLane },
  limits: LandingLimits,
  onLanded: (topic: Topic, delivery: Delivery, landing: Landing) => void,
) {
  const { pool, metrics, signal, onError, lane } = deps;
  const queues = new Map<Topic, Queue>();
  const troubled = new Set<string>();
  const transactions = createSemaphore(limits.transactions);
  const besides = createSemaphore(ALONE_AT_A_TIME);
  let groups = 0;

  function offer(topic: Topic, deliveries: Delivery[]): void {
    const queue = queues.get(topic) ?? { topic, waiting: [], pumping: false };
    queues.set(topic, queue);
    const isTroubled = (delivery: Delivery) => troubled.has(deliveryIdOf(delivery));
    for (const delivery of deliveries.filter(isTroubled)) void landAlone(topic, delivery);
    queue.waiting.push(...deliveries.filter((delivery) => !isTroubled(delivery)));
    queue.waiting.sort((one, other) => one.message.dueAt - other.message.dueAt);
    if (!queue.pumping) void pump(queue);
  }

  async function pump(queue: Queue): Promise<void> {
    const { topic, waiting } = queue;
    queue.pumping = true;
    while (waiting.length > 0 && !signal.aborted) {
      await keepPace(topic, Math.min(waiting.length, groupSizeOf(topic)));
      groups += 1;
      await transactions.acquire();
      void landGroup(topic, waiting.splice(0, groupSizeOf(topic))).finally(leave);
      metrics.queued(topic.name, waiting.length);
    }
    queue.pumping = false;
  }

  function leave(): void {
    groups -= 1;
    transactions.release();
  }

  function groupSizeOf({ landAll, landingsPerSecond = Number.POSITIVE_INFINITY }: Topic): number {
    const ofPace = Math.max(1, Math.floor(landingsPerSecond / PACED_GROUPS_PER_SECOND));
    return Math.min(limits.groupSize, ofPace, landAll ? limits.groupSize : PLAIN_GROUP);
  }

  async function keepPace({ name, landingsPerSecond: perSecond }: Topic, landings: number): Promise<void> {
    if (perSecond === undefined) return;
    // Without the database there is no pace to keep; the landing will find that out, too, and wait.
    const waitMs = await takeSlots(pool, name, { slots: landings, perSecond }).catch(() => 0);
    await pause(waitMs);
  }

  async function landGroup(topic: Topic, group: Delivery[]): Promise<void> {
    const error = await tryLanding(topic, group, { oneByOne: false });
    if (!error) return;
    if (error.cause instanceof LaneChanged) return lane?.placeAnew(topic, group);
    if (!(await takesWrites(pool))) return landWhenBack(topic, group);
    // A lane on trial has no time to find out which of them it was: stable lands them all.
    const hanging = error.cause instanceof HandlerTimeout ? error.cause : undefined;
    for (const delivery of group) {
      if (hanging && (lane || delivery === hanging.culprit)) fail(topic, delivery, error.cause);
      else void landAlone(topic, delivery);
    }
  }

  async function landAlone(topic: Topic, delivery: Delivery): Promise<void> {
    await besides.acquire();
    const error = await tryLanding(topic, [delivery], { oneByOne: true }).finally(besides.release);
    if (!error) return;
    if (error.cause instanceof LaneChanged) lane?.placeAnew(topic, [delivery]);
    else if (await takesWrites(pool)) fail(topic, delivery, error.cause);
    else await landWhenBack(topic, [delivery]);
  }

  async function tryLanding(
    topic: Topic,
    group: Delivery[],
    { oneByOne }: { oneByOne: boolean },
  ): Promise<{ cause: unknown } | undefined> {
    const startedAt = Date.now();
    const started = performance.now();
    try {
      if (lane && !group.every(lane.isMine)) throw new LaneChanged(`not all are for ${lane.name}`);
      const asLane = lane && { name: lane.name, version: lane.versionOf(topic) };
      const landings = await land(pool, topic, group, { signal, oneByOne, lane: asLane });
      metrics.landed(topic.name, group.length, performance.now() - started);
      const endedAt = Date.now();
      landings.forEach((landing, place) => {
        const delivery = group[place] as Delivery;
        if ('error' in landing) fail(topic, delivery, landing.error);
        else {
          troubled.delete(deliveryIdOf(delivery));
          traceLanding(delivery.message, landing, { startedAt, endedAt, messages: group.length });
          onLanded(topic, delivery, landing);
        }
      });
      return undefined;
    } catch (cause) {
      if (cause instanceof LaneChanged) return { cause };
      // Of a group it is known of none that it was its fault.
      const [first] = group.length === 1 ? group : [];
      onError(concerning(cause, first ? first.message : { topic: topic.name }, { messages: group.length }));
      return { cause };
    }
  }

  function fail(topic: Topic, delivery: Delivery, error: unknown): void {
    troubled.add(deliveryIdOf(delivery));
    onLanded(topic, delivery, { error });
  }

  // Nobody's fault, and nothing is lost: they land when the database is back, and their lateness says how long it was.
  async function landWhenBack(topic: Topic, group: Delivery[]): Promise<void> {
    await pause(PAUSE_WHILE_AWAY_MS);
    if (!signal.aborted) offer(topic, group);
  }

  return { offer, landing: () => groups > 0 };
}
