import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  makeContinueAsNewFunc,
  patched,
  workflowInfo,
} from '@temporalio/workflow';
import type { AppliedCommand } from '../message/commands';
import { errorNames, type ScheduledMessage, searchAttributesOf } from '../message/contract';
import type { Decision, Ending } from '../message/decision';
import { decisionIn } from '../message/landed';
import { MESSAGE_IN_MEMO, memoOf } from '../message/memo';
import { HOP_MS, isFetched, wakeAtOf } from '../message/wake';
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
  // One that is fetched by sets sleeps beyond its due time, as it has landed by then. A worker wakes it after that. Within its lead
  // it does so only if the message could not be fetched.
  let isCalled = false;
  const isReady = () => {
    const now = Date.now();
    return now >= Math.min(wakeAt, posted.dueAt) || (isFetched(posted) && isCalled && now >= posted.dueAt - leadMs);
  };
  const ledger = ledgerActivitiesOf(posted);
  const deliverIn = (lane?: string) => deliverActivityIn(posted, lane);
  const state = createMessageState(posted, applied?.at(-1));
  const commands = createCommandRunner(state, ledger, applied ?? []);
  registerHandlers(state, commands, (sent) => {
    isCalled = true;
    // Any client can send it. So it is for a message that still sleeps, and has no other way to its decision. No release before this
    // one has sent a decision, so no history is replayed otherwise than it was recorded.
    const now = Date.now();
    const sleepsOn = state.message() === posted && state.view().state === 'waiting' && commands.idle() && now < wakeAt;
    const decision = sleepsOn ? decisionIn(sent, posted, now) : undefined;
    if (decision) state.applyDecision(decision);
  });
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
    const over = () => decided(message) || isReady() || runIsLong();
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

  // 0.6.0, 2026-11-30. A command that was there before the delivery is decided before it: workers were away, and both came late.
  const commandComesFirst = () => !commands.idle() && patched('commands-before-delivery');

  // The Web UI's cancel button is a cancel like any other: the ledger decides whether it is in time.
  const cancelRequested = CancellationScope.current().cancelRequested;
  return CancellationScope.nonCancellable(async () => {
    cancelRequested.catch(() =>
      commands.cancel({ commandId: `cancel-request:${workflowInfo().runId}`, reason: 'cancellation requested' }),
    );
    while (!state.ended()) {
      const message = state.message();
      if (message === posted && isReady()) await (commandComesFirst() ? condition(settled) : deliver(message));
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
  const { [MESSAGE_IN_MEMO]: _before, ...memo } = workflowInfo().memo ?? {};
  const { applied: _applied, datedAt: _datedAt, ...message } = next;
  return makeContinueAsNewFunc<typeof scheduledMessage>({
    memo: { ...memo, ...memoOf(message) },
    typedSearchAttributes: searchAttributesOf(next),
  })(next);
}
