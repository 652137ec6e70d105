import pMap from 'p-map';
import { type Delivery, deliveryIdOf, WORKFLOW_TASK_QUEUE, workflowIdOf } from '../../message/contract';
import { type BackgroundLoop, runInBackground } from '../../platform/loops/background-loop';
import { withErrorContext } from '../../platform/telemetry/error-context';
import { readEvents } from '../../producing/run-events';
import type { Waiting } from '../../producing/waiting-runs';
import type { Hold } from './hold';

const LOOK_MS = 500;
// Messages that are due in so long are checked, again and again until they are due, each a second after its last check.
const AHEAD_MS = 3_000;
const AGAIN_MS = 1_000;
// A workflow task that has waited for longer may be that of a command, and will not be decided in time.
const BEHIND_MS = 1_000;
const READING_AT_ONCE = 20;

/**
 * Takes messages out of the hold that have an undecided cancel or move. A message that was held without its workflow lands
 * without it, so a command that came in time must be seen. While workflow tasks are done within a second, every command is
 * decided in the ledger, and one request says so for all messages. While they wait for longer, each message that is due in a
 * moment is read. One with a waiting command is left to its workflow.
 */
export function startCommandCheck(
  deps: {
    waiting: Pick<Waiting, 'deliveryOf'>;
    recovery: { backlogAgeMs(taskQueue: string, type: 'workflows'): Promise<number | undefined> };
    onError(error: unknown): void;
  },
  hold: Pick<Hold, 'withoutAttempts' | 'leaveToWorkflow' | 'wakesAreLate'>,
): Pick<BackgroundLoop, 'stop'> {
  const { waiting, recovery, onError } = deps;
  let checkedAt = new Map<string, number>();

  async function isBehind(): Promise<boolean> {
    // Tasks of cached workflows wait in queues that Temporal does not describe: then their wakes are late.
    return hold.wakesAreLate() || ((await recovery.backlogAgeMs(WORKFLOW_TASK_QUEUE, 'workflows')) ?? 0) >= BEHIND_MS;
  }

  async function check(delivery: Delivery): Promise<void> {
    const { message } = delivery;
    checkedAt.set(deliveryIdOf(delivery), performance.now());
    try {
      // Without a run's id, its newest: an earlier one has passed its commands on.
      const { events } = await waiting.deliveryOf({ workflowId: workflowIdOf(message), runId: '' });
      if (readEvents(events, message.dueAt).commandWaits) hold.leaveToWorkflow(delivery);
    } catch (error) {
      onError(withErrorContext(error, message));
    }
  }

  async function look(): Promise<'more' | 'idle'> {
    const soon = hold.withoutAttempts(AHEAD_MS);
    if (soon.length === 0 || !(await isBehind())) {
      checkedAt = new Map();
      return 'idle';
    }
    const before = performance.now() - AGAIN_MS;
    const unchecked = soon.filter((delivery) => (checkedAt.get(deliveryIdOf(delivery)) ?? 0) < before);
    // Those that are due first: what cannot be read in time lands, as what is held with an attempt does.
    const first = unchecked
      .sort((one, other) => one.message.dueAt - other.message.dueAt)
      .slice(0, READING_AT_ONCE * 10);
    await pMap(first, check, { concurrency: READING_AT_ONCE });
    return first.length > 0 ? 'more' : 'idle';
  }

  return runInBackground(look, { pauseMs: LOOK_MS, onError });
}
