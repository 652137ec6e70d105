import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  makeContinueAsNewFunc,
  workflowInfo,
} from '@temporalio/workflow';
import { refuseCycle, refuseDueAt, refuseLead, refuseRef } from '../admission';
import type { AppliedCommand } from '../commands';
import { errorNames, type ScheduledMessage, searchAttributesOf } from '../contract';
import type { Decision, Ending } from '../decision';
import { wakeAtOf } from '../wake';
import { deliveriesIn, ledgerOf } from './activities';
import { takeCommands } from './commands';
import { deliverByLane } from './deliver-by-lane';
import { invalid, listen } from './handlers';
import { standAt } from './standing';
import { endingOf, summaryOf } from './wording';

/** The message with what a run hands to the next one. `datedAt`: when it got its due time; absent in the first run. */
export type CarriedMessage = ScheduledMessage & { applied?: AppliedCommand[]; datedAt?: number };

// A month is short enough that no run outlives the code, keys and server that started it by much, and long enough
// that a three-year message costs 37 wakes.
const HOP_MS = 30 * 86_400_000;

/**
 * Sleeps until shortly before the message is due, has it held and landed once, and goes on with the next cycle if there is one.
 * Knows when and whom to tell; all business lies behind the topic's activities.
 */
export async function scheduledMessage(carried: CarriedMessage): Promise<Ending> {
  const { applied, datedAt = workflowInfo().startTime.getTime(), ...posted } = { ...carried };
  refuseUnusable(posted);
  const { leadMs = 0 } = posted;
  // Posted inside its lead it goes straight to the hold: a timer of seconds would only be one more transition.
  const sleeps = Date.now() < posted.dueAt - leadMs;
  const wakeAt = sleeps ? wakeAtOf(posted) : Date.now();
  const ledger = ledgerOf(posted);
  const deliverIn = (lane?: string) => deliveriesIn(posted, lane);
  const standing = standAt(posted, applied?.at(-1));
  const commands = takeCommands(standing, ledger, applied ?? []);
  listen(standing, commands);

  const decided = (message: ScheduledMessage) => standing.ended() !== undefined || standing.message() !== message;

  // A run that ended with a command at work would leave it unanswered, or lose it.
  const settled = () => allHandlersFinished() && commands.idle();
  const nextRun = (): CarriedMessage => {
    const message = standing.message();
    return { ...message, applied: commands.applied(), datedAt: message === posted ? datedAt : Date.now() };
  };

  async function sleepUntilWake(message: ScheduledMessage): Promise<void> {
    // Every activation evaluates this, so any signal at all makes the message look at the clock.
    const over = () => decided(message) || Date.now() >= wakeAt || runIsLong();
    await condition(over, Math.min(wakeAt - Date.now(), HOP_MS), { summary: summaryOf(message) });
  }

  async function deliver(message: ScheduledMessage): Promise<void> {
    standing.held();
    const delivery = { message, late: message.dueAt <= datedAt, wakeAt: sleeps ? wakeAt : undefined };
    const delivering = deliverByLane(delivery, deliverIn).then(standing.obey);
    // A command that wins the ledger's row ends the wait at once, instead of after the delivery's next retry. The run
    // ends then, and with it what is left of the delivery, which would only have found the row.
    await Promise.race([delivering, condition(() => decided(message))]);
  }

  // The Web UI's cancel button is a cancel like any other: the ledger decides whether it is in time.
  const cancelRequested = CancellationScope.current().cancelRequested;
  return CancellationScope.nonCancellable(async () => {
    cancelRequested.catch(() =>
      commands.cancel({ commandId: `cancel-request:${workflowInfo().runId}`, reason: 'cancellation requested' }),
    );
    while (!standing.ended()) {
      const message = standing.message();
      if (message === posted && Date.now() >= wakeAt) await deliver(message);
      else if (message === posted && !runIsLong()) await sleepUntilWake(message);
      else {
        await condition(settled);
        if (!standing.ended()) await continueAs(nextRun());
      }
    }
    await condition(settled);
    const ending = endingOf(standing.ended() as Decision);
    if (ending.outcome !== 'failed') return ending;
    throw ApplicationFailure.nonRetryable(ending.reason, errorNames.deliveryFailed, ending);
  });
}

/** True once a run has slept its hop, or has so many events that the server asks for a new one. */
function runIsLong(): boolean {
  const { startTime, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || Date.now() - startTime.getTime() >= HOP_MS;
}

// Started by hand with a bad input the message fails in sight; an unusable due time would retry its task for ever.
function refuseUnusable(message: ScheduledMessage): void {
  const refusal =
    refuseRef(message) ??
    refuseCycle(message.cycle) ??
    refuseDueAt(message.dueAt, workflowInfo().startTime.getTime()) ??
    (message.leadMs === undefined ? undefined : refuseLead(message.leadMs));
  if (refusal) throw invalid(refusal);
  // Written by a newer release than this worker's: wait for a worker that can read it, do not drop it.
  if (message.v > 1) throw new Error(`message version ${message.v} is newer than this worker`);
}

function continueAs(next: CarriedMessage): Promise<never> {
  // Memo values and the summary set by the producer are lost unless passed again; search attributes are replaced whole.
  return makeContinueAsNewFunc<typeof scheduledMessage>({
    memo: { ...workflowInfo().memo, cycle: next.cycle },
    typedSearchAttributes: searchAttributesOf(next),
  })(next);
}
