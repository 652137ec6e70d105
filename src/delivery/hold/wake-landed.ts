import { setTimeout as pause } from 'node:timers/promises';
import type { Landed } from '../../message/commands';
import { type ScheduledMessage, workflowIdOf } from '../../message/contract';
import { isFetched } from '../../message/wake';
import type { AfterLandings } from '../../platform/loops/after-landings';
import type { RunClosed } from '../../platform/temporal/run-closed';
import type { HeldMessages } from '../held/held-messages';
import { createResultPacer } from '../landing/result-pacer';

// A run with a next cycle does not close: the run of that cycle follows it at once.
const NEXT_CYCLE_MS = 300;

/** How the runs of a worker's messages are woken. */
export interface Waking {
  /** Makes the newest run of a message look at the clock, or tells it that it has landed. */
  wake(message: ScheduledMessage, landed?: Landed): Promise<void>;
  runClosed: RunClosed;
}

/**
 * Wakes the runs of messages fetched by sets that have landed while they slept: one window of them after the other, each as large as
 * Temporal closes runs quickly. So thousands that follow a midnight leave room for what is due next. The wake carries the
 * decision, so that a run without a next cycle ends without asking a worker for it. A run that this worker does not wake, because it
 * dies before, wakes by itself, and asks. `backlog`: how many are still to be woken.
 */
export function wakeLanded(
  { waking, landingsOver, onError }: { waking: Waking; landingsOver: AfterLandings; onError(error: unknown): void },
  messages: Pick<HeldMessages, 'on'>,
): { backlog(): number } {
  const pacer = createResultPacer(landingsOver);

  messages.on('settled', ({ attempts, delivery: { message } }, settlement) => {
    // An attempt that is answered ends the run.
    if (settlement.kind !== 'decided' || !isFetched(message) || attempts.length > 0) return;
    const { decision } = settlement;
    const { commandId, next } = decision;
    // The workflow has decided it, and knows.
    if (commandId !== undefined) return;
    const run = { workflowId: workflowIdOf(message), runId: '' };
    const { dueAt, postId } = message;
    pacer.add([
      {
        // With a next cycle the run asks for it: it is to believe no client about what is to come.
        report: () => void waking.wake(message, next ? undefined : { decision, dueAt, postId }).catch(onError),
        runClosed: () => (next ? pause(NEXT_CYCLE_MS) : waking.runClosed(run)),
        deadlineAt: Number.POSITIVE_INFINITY,
      },
    ]);
  });

  return { backlog: pacer.backlog };
}
