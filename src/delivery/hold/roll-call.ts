import { guardMsOf } from '../../message/wake';
import { acquireLeases } from '../../platform/database/lease';
import { type BackgroundLoop, runInBackground, stoppedTogether } from '../../platform/loops/background-loop';
import { withErrorContext } from '../../platform/telemetry/error-context';
import type { Topic } from '../../topics/topic';
import { leadMsOf } from '../../topics/topic-limits';
import { createRoll, type RollCallDeps } from './call-roll';
import type { Hold } from './hold';

// A shorter guard leaves no time to find a missing message, and to hold it, before it is due.
const MIN_GUARD_MS = 1_000;
// A longer guard is no reason to begin earlier: a minute is time enough.
const MAX_GUARD_MS = 60_000;

interface Roll {
  topic: Topic;
  call(): Promise<void>;
}

/**
 * The roll call: the check, before a due instant, for messages that no worker holds. Their timer was lost, or the task on its
 * way to a worker, or more are due than the server can wake in time. They are held here, and land on time with the others,
 * through the same code. Their workflows find the decision in the ledger. One worker at a time calls the roll of a topic. A
 * topic with a guard of under a second has no roll call.
 */
export function startRollCall(
  deps: RollCallDeps,
  hold: Pick<Hold, 'takeOver' | 'isLeft' | 'room'>,
  topics: Topic[],
): Pick<BackgroundLoop, 'stop'> {
  const room = (topic: Topic) => hold.room(topic, topics.length);
  const byGuard = new Map<number, Roll[]>();
  for (const topic of topics) {
    const guardMs = Math.min(MAX_GUARD_MS, guardMsOf(leadMsOf(topic)));
    if (guardMs < MIN_GUARD_MS) continue;
    const call = createRoll({ ...deps, hold, room }, topic, { guardMs, everyMs: guardMs / 2 });
    byGuard.set(guardMs, [...(byGuard.get(guardMs) ?? []), { topic, call }]);
  }
  return stoppedTogether([...byGuard].map(([guardMs, rolls]) => startRolls(deps, rolls, guardMs / 2)));
}

/** Calls the rolls of topics with one guard, with one question for the leases of all of them. */
function startRolls(
  { pool, onError }: Pick<RollCallDeps, 'pool' | 'onError'>,
  rolls: Roll[],
  everyMs: number,
): Pick<BackgroundLoop, 'stop'> {
  const busy = new Map<Roll, Promise<void>>();
  const leaseOf = ({ topic }: Roll) => `roll call: ${topic.name}`;

  async function look(): Promise<'idle'> {
    const idle = rolls.filter((roll) => !busy.has(roll));
    const leases = new Set(idle.length > 0 ? await acquireLeases(pool, idle.map(leaseOf), everyMs) : []);
    for (const roll of idle.filter((one) => leases.has(leaseOf(one)))) {
      // No topic waits for the roll of another.
      const call = roll
        .call()
        .catch((error) => onError(withErrorContext(error, { topic: roll.topic.name })))
        .finally(() => busy.delete(roll));
      busy.set(roll, call);
    }
    return 'idle';
  }

  const loop = runInBackground(look, { pauseMs: everyMs, onError });
  return {
    async stop() {
      await loop.stop();
      await Promise.all(busy.values());
    },
  };
}
