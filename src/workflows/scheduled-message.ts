import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  makeContinueAsNewFunc,
  workflowInfo,
} from '@temporalio/workflow';
import type { AppliedCommand } from '../message/commands';
import { errorNames, type ScheduledMessage, searchAttributesOf } from '../message/contract';
import type { Decision, Ending } from '../message/decision';
import { wakeAtOf } from '../message/wake';
import { deliverActivityIn, ledgerActivitiesOf } from './activities';
import { createCommandRunner } from './apply-commands';
import { deliverByLane } from './deliver-by-lane';
import { endingOf, summaryOf } from './display-text';
import { registerHandlers } from './handlers';
import { createMessageState } from './message-state';
import { readStart } from './read-start';
import { rightSearchAttributes } from './right-search-attributes';

/**
 * The message, with what a run hands to the next one. `datedAt` is the instant at which it got its due time, in epoch
 * ms; absent in the first run.
 */
export type CarriedMessage = ScheduledMessage & { applied?: AppliedCommand[]; datedAt?: number };

// A month is short: no run outlives the code, keys and server that started it by much. It is also long: a message of
// three years costs 37 wakes.
const HOP_MS = 30 * 86_400_000;

/**
 * Sleeps until shortly before the message is due, has it held and landed once, and goes on with the next cycle if there
 * is one. It only decides when to call which activity; the business logic is in the topic's activities.
 */
export async function scheduledMessage(carried: CarriedMessage): Promise<Ending> {
  const { posted, applied, datedAt = workflowInfo().startTime.getTime() } = readStart(carried);
  const { leadMs = 0 } = posted;
  // If the message is posted inside its lead, it goes straight to the hold: a timer of seconds would only be one more
  // state transition.
  const sleeps = Date.now() < posted.dueAt - leadMs;
  const wakeAt = sleeps ? wakeAtOf(posted) : Date.now();
  const ledger = ledgerActivitiesOf(posted);
  const deliverIn = (lane?: string) => deliverActivityIn(posted, lane);
  const state = createMessageState(posted, applied?.at(-1));
  const commands = createCommandRunner(state, ledger, applied ?? []);
  registerHandlers(state, commands);
  rightSearchAttributes(posted);

  const decided = (message: ScheduledMessage) => state.ended() !== undefined || state.message() !== message;

  // If a run ended while a command is being applied, the command would be lost or stay unanswered.
  const settled = () => allHandlersFinished() && commands.idle();
  const nextRun = (): CarriedMessage => {
    const message = state.message();
    return { ...message, applied: commands.applied(), datedAt: message === posted ? datedAt : Date.now() };
  };

  async function sleepUntilWake(message: ScheduledMessage): Promise<void> {
    // Every activation evaluates this condition, so any signal makes the message look at the clock.
    const over = () => decided(message) || Date.now() >= wakeAt || runIsLong();
    await condition(over, Math.min(wakeAt - Date.now(), HOP_MS), { summary: summaryOf(message) });
  }

  async function deliver(message: ScheduledMessage): Promise<void> {
    state.markHeld();
    const delivery = { message, late: message.dueAt <= datedAt, wakeAt: sleeps ? wakeAt : undefined };
    const delivering = deliverByLane(delivery, deliverIn).then(state.applyDecision);
    // A command that wins the ledger's row ends the wait at once, and not only after the delivery's next retry. The run
    // then ends, and with it the delivery, which would only have found the row.
    await Promise.race([delivering, condition(() => decided(message))]);
  }

  // The Web UI's cancel button is a cancel like any other: the ledger decides whether it is in time.
  const cancelRequested = CancellationScope.current().cancelRequested;
  return CancellationScope.nonCancellable(async () => {
    cancelRequested.catch(() =>
      commands.cancel({ commandId: `cancel-request:${workflowInfo().runId}`, reason: 'cancellation requested' }),
    );
    while (!state.ended()) {
      const message = state.message();
      if (message === posted && Date.now() >= wakeAt) await deliver(message);
      else if (message === posted && !runIsLong()) await sleepUntilWake(message);
      else {
        await condition(settled);
        if (!state.ended()) await continueAs(nextRun());
      }
    }
    await condition(settled);
    const ending = endingOf(state.ended() as Decision);
    if (ending.outcome !== 'failed') return ending;
    throw ApplicationFailure.nonRetryable(ending.reason, errorNames.deliveryFailed, ending);
  });
}

/** True once a run has slept its hop, or has so many events that the server suggests a new one. */
function runIsLong(): boolean {
  const { startTime, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || Date.now() - startTime.getTime() >= HOP_MS;
}

function continueAs(next: CarriedMessage): Promise<never> {
  // Memo values and the summary are lost unless they are passed again. Search attributes are replaced as a set.
  return makeContinueAsNewFunc<typeof scheduledMessage>({
    memo: { ...workflowInfo().memo, cycle: next.cycle },
    typedSearchAttributes: searchAttributesOf(next),
  })(next);
}
