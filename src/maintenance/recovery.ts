import { ActivityNotFoundError, type Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { wakeSignal } from '../message/commands';
import type { Decision } from '../message/decision';
import { withinDeadline } from '../producing/deadline';
import type { MessageStatus } from '../producing/message-status';
import { describeRecord } from '../producing/run-records';
import { progressOf, type RunProgress } from './in-progress';
import { type PendingDelivery, pendingDeliveryOf } from './pending-delivery';

/** Recovers a run that will not continue by itself. No method changes a run that has closed meanwhile. */
export interface Recovery {
  /** What is in progress in the run. Work counts as lost `lostAfterMs` after its time-out. */
  progressOf(run: MessageStatus, lostAfterMs: number): Promise<RunProgress>;
  /** The delivery that the run waits for, if it does. */
  pendingDelivery(run: MessageStatus): Promise<PendingDelivery | undefined>;
  /** Answers the delivery of a run in place of the worker that never got it, or that was never heard. */
  answer(run: MessageStatus, activityId: string, decision: Decision): Promise<void>;
  /** Makes the run check the clock. Changes nothing in a run that is not due. */
  wake(run: MessageStatus, how: { isStartDelayed: boolean }): Promise<void>;
  /**
   * Resets the run to its last workflow task: a new run continues from there, and schedules again what was in progress.
   * False if that is not possible: the first task is still in its queue, or workers fail at the task and would fail
   * again.
   */
  reset(run: MessageStatus): Promise<boolean>;
  /** How long the first task in a queue has waited for a worker, in ms; undefined if the server does not tell. */
  backlogAgeMs(taskQueue: string, type: keyof typeof TASK_QUEUE_TYPES): Promise<number | undefined>;
}

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];

// gRPC's NOT_FOUND; WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW; temporal.api.enums.v1.TaskQueueType
const NOT_FOUND = 5;
const RESET_CAUSE = 20;
const TASK_QUEUE_TYPES = { workflows: 1, deliveries: 2 };
// No update handler has this name, so the update is rejected.
const UNKNOWN_UPDATE = 'look-at-the-clock';

export function createRecovery(client: Client): Recovery {
  const { workflowService, options } = client.workflow;
  const { namespace } = options;
  const handleOf = ({ workflowId, runId }: MessageStatus) => client.workflow.getHandle(workflowId, runId);
  return {
    async progressOf(run, lostAfterMs) {
      const raw = await describeRecord(client, run);
      return raw ? progressOf({ raw }, { now: Date.now(), lostAfterMs }) : { state: 'closed' };
    },
    async pendingDelivery(run) {
      const raw = await describeRecord(client, run);
      return raw && pendingDeliveryOf(raw, Date.now());
    },
    async answer({ workflowId, runId }, activityId, decision) {
      try {
        await withinDeadline(client, () => client.activity.complete({ workflowId, runId, activityId }, decision));
      } catch (error) {
        // Its worker has answered after all.
        if (!(error instanceof ActivityNotFoundError)) throw error;
      }
    },
    async wake(run, { isStartDelayed }) {
      await ignoreClosed(withinDeadline(client, () => handleOf(run).signal(wakeSignal)));
      // A signal does not start a delayed first task early. An update does, even though it is rejected.
      if (!isStartDelayed) return;
      await withinDeadline(client, () => handleOf(run).executeUpdate(UNKNOWN_UPDATE)).catch(() => undefined);
    },
    async reset(run) {
      const { events } = await withinDeadline(client, () => handleOf(run).fetchHistory());
      const eventId = resetPointIn(events ?? []);
      if (eventId === undefined) return false;
      const { workflowId, runId } = run;
      const reset = {
        namespace,
        workflowExecution: { workflowId, runId },
        workflowTaskFinishEventId: eventId,
        reason: 'Postdate: the run would never have continued by itself',
        // Two workers that reset the same run at the same time reset it once.
        requestId: `postdate:${runId}:${eventId}`,
      };
      await ignoreClosed(withinDeadline(client, () => workflowService.resetWorkflowExecution(reset)));
      return true;
    },
    async backlogAgeMs(name, type) {
      const queue = { namespace, taskQueue: { name }, taskQueueType: TASK_QUEUE_TYPES[type], reportStats: true };
      const { stats } = await withinDeadline(client, () => workflowService.describeTaskQueue(queue));
      return stats?.approximateBacklogAge ? Number(stats.approximateBacklogAge.seconds) * 1_000 : undefined;
    },
  };
}

/** The event id of the last workflow task that a run can be reset to. */
function resetPointIn(events: HistoryEvent[]): HistoryEvent['eventId'] | undefined {
  const done = events.findLastIndex((event) => event.workflowTaskCompletedEventAttributes);
  const failed = events
    .slice(done + 1)
    .some(({ workflowTaskFailedEventAttributes: failure }) => failure && failure.cause !== RESET_CAUSE);
  if (failed) return undefined;
  return (events[done] ?? events.findLast((event) => event.workflowTaskStartedEventAttributes))?.eventId ?? undefined;
}

const ignoreClosed = (call: Promise<unknown>): Promise<unknown> =>
  call.catch((error) => {
    if (!(error instanceof WorkflowNotFoundError) && error.code !== NOT_FOUND) throw error;
  });
