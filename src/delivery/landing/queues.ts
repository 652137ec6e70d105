import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import { STABLE } from '../../message/lane-name';
import { acceptsWrites } from '../../platform/database/pool';
import { waitForSlots } from '../../platform/database/rate-limit';
import { createSemaphore } from '../../platform/loops/semaphore';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Topic } from '../../topics/topic';
import type { HeldMessage } from '../held/held-message';
import type { HeldMessages } from '../held/held-messages';
import type { WorkerLanes } from '../lanes/worker-lanes';
import { HandlerTimeout } from './answers';
import { groupSizeOf } from './group-size';
import type { Landing } from './landing';
import { LaneChanged } from './lane-check';
import { tryLanding } from './try-landing';

export interface LandingLimits {
  /** At most so many messages in one transaction. */
  groupSize: number;
  /** So many landing transactions of groups at a time. */
  transactions: number;
}

interface Queue {
  topic: Topic;
  waiting: HeldMessage[];
  pumping: boolean;
}

// Beside the groups' transactions, so that messages that hang hold up each other at most.
const ALONE_AT_A_TIME = 4;
const PAUSE_WHILE_AWAY_MS = 500;
// The clock is read twice a second. A message that was landed too early is tried again after the next reading.
const ASK_AGAIN_MS = 1_000;

/**
 * Lands due messages in groups, earliest due first, the topics in turn. A group that fails as a whole is landed one by one,
 * and so is a message that failed before: a poisonous message delays no other. Every message that is landing goes back to the
 * store once: settled, held (it was too early), or to be rerouted.
 */
export function createQueues(
  deps: { pool: Pool; metrics: Metrics; lanes: WorkerLanes; signal: AbortSignal; onError(error: unknown): void },
  limits: LandingLimits,
  messages: Pick<HeldMessages, 'on' | 'hold' | 'reroute' | 'settle'>,
) {
  const { pool, metrics, lanes, signal } = deps;
  const onTrial = lanes.ownLane !== STABLE;
  const queues = new Map<Topic, Queue>();
  const troubled = new Set<string>();
  const transactions = createSemaphore(limits.transactions);
  const besides = createSemaphore(ALONE_AT_A_TIME);
  let groups = 0;

  messages.on('due', (due) => {
    for (const topic of new Set(due.map((message) => message.topic))) {
      const ofTopic = due.filter((message) => message.topic === topic);
      queueUp(topic, ofTopic);
    }
  });

  function queueUp(topic: Topic, due: HeldMessage[]): void {
    const queue = queues.get(topic) ?? { topic, waiting: [], pumping: false };
    queues.set(topic, queue);
    for (const message of due) {
      if (troubled.has(message.id)) void landAlone(message);
      else queue.waiting.push(message);
    }
    queue.waiting.sort((one, other) => one.delivery.message.dueAt - other.delivery.message.dueAt);
    if (!queue.pumping) void pump(queue);
  }

  async function pump(queue: Queue): Promise<void> {
    const { topic, waiting } = queue;
    const size = groupSizeOf(topic, limits.groupSize);
    queue.pumping = true;
    while (waiting.length > 0 && !signal.aborted) {
      await waitForSlots(pool, topic, Math.min(waiting.length, size));
      groups += 1;
      await transactions.acquire();
      void landGroup(topic, waiting.splice(0, size)).finally(groupEnded);
      metrics.queued(topic.name, waiting.length);
    }
    queue.pumping = false;
  }

  function groupEnded(): void {
    groups -= 1;
    transactions.release();
  }

  async function landGroup(topic: Topic, group: HeldMessage[]): Promise<void> {
    const tried = await tryLanding(deps, topic, deliveriesOf(group), { oneByOne: false });
    if ('landings' in tried) return takeBack(group, tried.landings);
    const { cause } = tried;
    if (cause instanceof LaneChanged) return messages.reroute(group, { kind: 'rulesChanged' });
    if (!(await acceptsWrites(pool))) return landWhenBack(topic, group);
    // A lane on trial has no time to find out which message it was: stable lands them all.
    const hanging = cause instanceof HandlerTimeout ? cause : undefined;
    for (const message of group) {
      if (hanging && (onTrial || message.delivery === hanging.culprit)) fail(message, cause);
      else void landAlone(message);
    }
  }

  async function landAlone(message: HeldMessage): Promise<void> {
    const { topic } = message;
    await besides.acquire();
    const trying = tryLanding(deps, topic, deliveriesOf([message]), { oneByOne: true });
    const tried = await trying.finally(besides.release);
    if ('landings' in tried) return takeBack([message], tried.landings);
    if (tried.cause instanceof LaneChanged) messages.reroute([message], { kind: 'rulesChanged' });
    else if (await acceptsWrites(pool)) fail(message, tried.cause);
    else await landWhenBack(topic, [message]);
  }

  /** Gives messages back to the store, with what became of each. */
  function takeBack(group: HeldMessage[], landings: Landing[]): void {
    for (const [place, message] of group.entries()) {
      const landing = landings[place] as Landing;
      if ('error' in landing) {
        fail(message, landing.error);
        continue;
      }
      troubled.delete(message.id);
      if ('decision' in landing) messages.settle(message, { kind: 'decided', ...landing });
      // If the clock still takes it for due, the database's clock has gone back: the next reading will tell.
      else messages.hold(message, { soonestMs: Math.min(landing.notDueForMs, ASK_AGAIN_MS) });
    }
  }

  function fail(message: HeldMessage, error: unknown): void {
    troubled.add(message.id);
    if (onTrial) messages.reroute([message], { kind: 'failed', error });
    else messages.settle(message, { kind: 'failed', error });
  }

  // No message is at fault, and none is lost. They land when the database is back; their lateness says how long it was away.
  async function landWhenBack(topic: Topic, group: HeldMessage[]): Promise<void> {
    await pause(PAUSE_WHILE_AWAY_MS);
    if (!signal.aborted) queueUp(topic, group);
  }

  return { landing: () => groups > 0 };
}

const deliveriesOf = (group: HeldMessage[]) => group.map(({ delivery }) => delivery);
