import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import { STABLE } from '../../message/lane-name';
import { acceptsWrites } from '../../platform/database/pool';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Topic } from '../../topics/topic';
import type { HeldMessage } from '../held/held-message';
import type { HeldMessages } from '../held/held-messages';
import type { WorkerLanes } from '../lanes/worker-lanes';
import { HandlerTimeout } from './call-handler';
import { createHangingTenants } from './hanging-tenants';
import type { Landing } from './landing';
import type { LandingQueue } from './landing-queue';
import { LaneChanged } from './lane-check';
import { createTopicQueues, type LandingLimits } from './topic-queues';
import { tryLanding } from './try-landing';

const PAUSE_WHILE_AWAY_MS = 500;
// The clock is read twice a second. A message that was landed too early is tried again after the next reading.
const ASK_AGAIN_MS = 1_000;

/**
 * Lands due messages in groups: each topic beside the others, and within it the tenants in turn. A group that fails as a whole
 * is landed one by one, and so is a message that failed before, or of a tenant at whose messages
 * the handler hangs: a poisonous message delays no other. Every message that is
 * landing goes back to the store once: settled, held (it was too early), or to be rerouted.
 */
export function createQueues(
  deps: { pool: Pool; metrics: Metrics; lanes: WorkerLanes; signal: AbortSignal; onError(error: unknown): void },
  limits: LandingLimits,
  messages: Pick<HeldMessages, 'on' | 'hold' | 'reroute' | 'settle'>,
) {
  const { pool, lanes, signal } = deps;
  const onTrial = lanes.ownLane !== STABLE;
  const troubled = new Set<string>();
  const hanging = createHangingTenants();
  const { queuesOf, giveUpOne, landing } = createTopicQueues(deps, limits, { landGroup, landAlone });

  messages.on('due', queueUp);

  function queueUp(due: HeldMessage[]): void {
    const changed = new Set<LandingQueue>();
    for (const message of due) {
      const { groups, alone } = queuesOf(message.topic);
      const queue = troubled.has(message.id) || hanging.has(message) ? alone : groups;
      queue.add(message);
      changed.add(queue);
    }
    for (const queue of changed) queue.startLandings();
  }

  async function landGroup(topic: Topic, group: HeldMessage[]): Promise<void> {
    const tried = await tryLanding(deps, topic, deliveriesOf(group), { oneByOne: false });
    const { groupSize, alone } = queuesOf(topic);
    if ('landings' in tried) {
      groupSize.landed({ messages: group.length, handled: tried.landings.filter(wasReached).length });
      return takeBack(group, tried.landings);
    }
    const { cause } = tried;
    if (cause instanceof LaneChanged) return messages.reroute(group, { kind: 'rulesChanged' });
    if (!(await acceptsWrites(pool))) return landWhenBack(group);
    // A lane on trial has no time to find out which message it was: stable lands them all.
    const timeout = cause instanceof HandlerTimeout ? cause : undefined;
    if (timeout?.culprit) groupSize.landed({ messages: group.length, handled: 1 });
    for (const message of group) {
      if (timeout && (onTrial || message.delivery === timeout.culprit)) fail(message, cause);
      else alone.add(message);
    }
    alone.startLandings();
  }

  async function landAlone(message: HeldMessage): Promise<void> {
    const tried = await tryLanding(deps, message.topic, deliveriesOf([message]), { oneByOne: true });
    if ('landings' in tried) return takeBack([message], tried.landings);
    if (tried.cause instanceof LaneChanged) messages.reroute([message], { kind: 'rulesChanged' });
    else if (await acceptsWrites(pool)) fail(message, tried.cause);
    else await landWhenBack([message]);
  }

  /** Gives messages back to the store, with what became of each. Those that were not reached wait for the next group. */
  function takeBack(group: HeldMessage[], landings: Landing[]): void {
    const notReached: HeldMessage[] = [];
    for (const [place, message] of group.entries()) {
      const landing = landings[place] as Landing;
      if ('error' in landing) {
        fail(message, landing.error);
        continue;
      }
      if ('notReached' in landing) {
        notReached.push(message);
        continue;
      }
      troubled.delete(message.id);
      if ('decision' in landing) messages.settle(message, { kind: 'decided', ...landing });
      // If the clock still takes it for due, the database's clock has gone back: the next reading will tell.
      else messages.hold(message, { soonestMs: Math.min(landing.notDueForMs, ASK_AGAIN_MS) });
    }
    queueUp(notReached);
  }

  function fail(message: HeldMessage, error: unknown): void {
    troubled.add(message.id);
    if (error instanceof HandlerTimeout && error.culprit === message.delivery) hanging.add(message);
    if (onTrial) messages.reroute([message], { kind: 'failed', error });
    else messages.settle(message, { kind: 'failed', error });
  }

  // No message is at fault, and none is lost. They land when the database is back; their lateness says how long it was away.
  async function landWhenBack(group: HeldMessage[]): Promise<void> {
    await pause(PAUSE_WHILE_AWAY_MS);
    if (!signal.aborted) queueUp(group);
  }

  return { giveUpOne, landing };
}

export type Queues = ReturnType<typeof createQueues>;

const deliveriesOf = (group: HeldMessage[]) => group.map(({ delivery }) => delivery);
const wasReached = (landing: Landing) => !('notReached' in landing);
