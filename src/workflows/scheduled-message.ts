import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  makeContinueAsNewFunc,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import { refuseCycle, refuseDueAt, refuseRef } from '../admission';
import {
  type AppliedCommand,
  type Decision,
  deliveryTaskQueue,
  type Ending,
  errorNames,
  type LedgerActivities,
  type ScheduledMessage,
  searchAttributesOf,
} from '../contract';
import { takeCommands } from './commands';
import { invalid, listen } from './handlers';
import { standAt } from './standing';
import { endingOf, timerSummary } from './wording';

/** The message with what a run hands to the next one. `datedAt`: when it got its due time; absent in the first run. */
export type CarriedMessage = ScheduledMessage & { applied?: AppliedCommand[]; datedAt?: number };

// A month is short enough that no run outlives the code, keys and server that started it by much, and long enough
// that a three-year message costs 37 wakes.
const HOP_MS = 30 * 86_400_000;

/**
 * Holds one message until it is due, has it delivered once, and goes on with the next cycle if there is one.
 * Knows when and whom to tell; all business lies behind the topic's activities.
 */
export async function scheduledMessage(carried: CarriedMessage): Promise<Ending> {
  const { applied, datedAt = workflowInfo().startTime.getTime(), ...posted } = { ...carried };
  refuseUnusable(posted);
  const ledger = ledgerOf(posted.topic);
  const standing = standAt(posted);
  const commands = takeCommands(standing, ledger, applied ?? []);
  listen(standing, commands);

  const decided = (message: ScheduledMessage) => standing.ended() !== undefined || standing.message() !== message;

  // A run that ended with a command at work would leave it unanswered, or lose it.
  const settled = () => allHandlersFinished() && commands.idle();
  const nextRun = (): CarriedMessage => {
    const message = standing.message();
    return { ...message, applied: commands.applied(), datedAt: message === posted ? datedAt : Date.now() };
  };

  async function sleepUntilDue(message: ScheduledMessage): Promise<void> {
    // Every activation evaluates this, so any signal at all makes the message look at the clock.
    const over = () => decided(message) || Date.now() >= message.dueAt || runIsLong();
    await condition(over, Math.min(message.dueAt - Date.now(), HOP_MS), { summary: timerSummary(message) });
  }

  async function deliver(message: ScheduledMessage): Promise<void> {
    standing.delivering();
    const delivering = ledger.deliver({ message, late: message.dueAt <= datedAt }).then(standing.obey);
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
      if (message === posted && Date.now() >= message.dueAt) await deliver(message);
      else if (message === posted && !runIsLong()) await sleepUntilDue(message);
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
    refuseRef(message) ?? refuseCycle(message.cycle) ?? refuseDueAt(message.dueAt, workflowInfo().startTime.getTime());
  if (refusal) throw invalid(refusal);
  // Written by a newer release than this worker's: wait for a worker that can read it, do not drop it.
  if (message.v > 1) throw new Error(`message version ${message.v} is newer than this worker`);
}

function ledgerOf(topic: string) {
  return proxyActivities<LedgerActivities>({
    taskQueue: deliveryTaskQueue(topic),
    // Longer than the 20 s a statement may take, so that a slow database is seen as its own error first.
    startToCloseTimeout: '30 s',
    // No end to the retries and no schedule-to-close: an outage of any length may only delay, never drop.
    retry: { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '30 s' },
  });
}

function continueAs(next: CarriedMessage): Promise<never> {
  // Memo values and the summary set by the producer are lost unless passed again; search attributes are replaced whole.
  return makeContinueAsNewFunc<typeof scheduledMessage>({
    memo: { ...workflowInfo().memo, cycle: next.cycle },
    typedSearchAttributes: searchAttributesOf(next),
  })(next);
}
