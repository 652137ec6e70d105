import { tsToMs } from '@temporalio/common/lib/time';
import { cancelSignal, moveSignal } from '../message/commands';
import type { HistoryEvent } from './waiting-runs';

/** What the latest events of a run say. */
export interface RunEvents {
  /** The run has ended, or goes on as another run. */
  isClosed: boolean;
  /** The run's delivery is on its way, with a worker, or tried again. */
  isDelivering: boolean;
  /** A cancel or a move came before the due time, or is being carried out, and is not decided yet. */
  commandWaits: boolean;
}

const COMMANDS: readonly unknown[] = [cancelSignal.name, moveSignal.name];

/** Reads the latest events of a run, oldest first. `dueAt`: epoch ms. */
export function readEvents(events: HistoryEvent[], dueAt: number): RunEvents {
  const taskDone = events.findLastIndex((event) => event.workflowTaskCompletedEventAttributes);
  const inTime = ({ eventTime }: HistoryEvent) => tsToMs(eventTime) <= dueAt;
  // Signals that no workflow task has seen, as the workflow workers are away, or late.
  const unseen = events.slice(taskDone + 1).filter((event) => inTime(event) && isCommand(event));
  const over = new Set(events.map(endedActivityOf).filter((id) => id !== undefined));
  const open = events.filter(
    ({ eventId, activityTaskScheduledEventAttributes: activity }) => activity && !over.has(String(eventId)),
  );
  const isDelivery = (event: HistoryEvent) =>
    event.activityTaskScheduledEventAttributes?.activityType?.name === 'deliver';
  return {
    isClosed: events.some(isEnd),
    isDelivering: open.some(isDelivery),
    // The ledger has a command's answer once its activity is over, whenever it was scheduled.
    commandWaits: unseen.length > 0 || open.some((event) => !isDelivery(event)),
  };
}

const isCommand = (event: HistoryEvent): boolean =>
  COMMANDS.includes(event.workflowExecutionSignaledEventAttributes?.signalName) ||
  Boolean(event.workflowExecutionCancelRequestedEventAttributes);

/** The id of the event by which the activity was scheduled that ended with this event. */
function endedActivityOf(event: HistoryEvent): string | undefined {
  const ended =
    event.activityTaskCompletedEventAttributes ??
    event.activityTaskFailedEventAttributes ??
    event.activityTaskTimedOutEventAttributes ??
    event.activityTaskCanceledEventAttributes;
  return ended ? String(ended.scheduledEventId) : undefined;
}

const isEnd = (event: HistoryEvent): boolean =>
  Boolean(
    event.workflowExecutionCompletedEventAttributes ??
      event.workflowExecutionFailedEventAttributes ??
      event.workflowExecutionTimedOutEventAttributes ??
      event.workflowExecutionCanceledEventAttributes ??
      event.workflowExecutionTerminatedEventAttributes ??
      event.workflowExecutionContinuedAsNewEventAttributes,
  );
