import { type Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { wakeSignal } from '../commands';
import { type MessageStatus, withinDeadline } from '../lookup';
import { type UnderWay, underWay } from './under-way';

/** What can be done for a run that nobody comes for. Nothing of it changes one that has ended meanwhile. */
export interface Revival {
  /** What is under way of it; so long after its time-out something counts as lost. */
  underWay(run: MessageStatus, patienceMs: number): Promise<UnderWay>;
  /** Has it look at the clock. Changes nothing of one that is not due. */
  wake(run: MessageStatus, how: { putOff: boolean }): Promise<void>;
  /**
   * Has it go on from its last workflow task, in a run of its own: what was under way then is asked for again. False for one
   * that cannot: its first task lies in a queue that keeps it, or its workers fail at it, which they would do again.
   */
  reset(run: MessageStatus): Promise<boolean>;
  /** How long the first task in a queue has waited for a worker; undefined where the server does not tell. */
  backlogAgeMs(taskQueue: string, type: keyof typeof TASK_QUEUE_TYPES): Promise<number | undefined>;
}

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];

// gRPC's own; WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW; temporal.api.enums.v1.TaskQueueType
const NOT_FOUND = 5;
const BY_RESET = 20;
const TASK_QUEUE_TYPES = { workflows: 1, deliveries: 2 };
// No handler has this name.
const REFUSED = 'look-at-the-clock';

export function createRevival(client: Client): Revival {
  const { workflowService, options } = client.workflow;
  const { namespace } = options;
  const handleOf = ({ workflowId, runId }: MessageStatus) => client.workflow.getHandle(workflowId, runId);
  return {
    async underWay(run, patienceMs) {
      const described = await withinDeadline(client, () => handleOf(run).describe());
      return underWay(described, { now: Date.now(), patienceMs });
    },
    async wake(run, { putOff }) {
      await unlessEnded(withinDeadline(client, () => handleOf(run).signal(wakeSignal)));
      // A signal does not bring forward a first task that was put off; an update does, also one that is refused.
      if (putOff) await withinDeadline(client, () => handleOf(run).executeUpdate(REFUSED)).catch(() => undefined);
    },
    async reset(run) {
      const { events } = await withinDeadline(client, () => handleOf(run).fetchHistory());
      const place = lastTaskIn(events ?? []);
      if (place === undefined) return false;
      const { workflowId, runId } = run;
      const reset = {
        namespace,
        workflowExecution: { workflowId, runId },
        workflowTaskFinishEventId: place,
        reason: 'Postdate: nobody would ever have come for it',
        // Two who do it at one time do it once.
        requestId: `postdate:${runId}:${place}`,
      };
      await unlessEnded(withinDeadline(client, () => workflowService.resetWorkflowExecution(reset)));
      return true;
    },
    async backlogAgeMs(name, type) {
      const queue = { namespace, taskQueue: { name }, taskQueueType: TASK_QUEUE_TYPES[type], reportStats: true };
      const { stats } = await withinDeadline(client, () => workflowService.describeTaskQueue(queue));
      return stats?.approximateBacklogAge ? Number(stats.approximateBacklogAge.seconds) * 1_000 : undefined;
    },
  };
}

/** The id of the last workflow task that a run can go back to. */
function lastTaskIn(events: HistoryEvent[]): HistoryEvent['eventId'] | undefined {
  const done = events.findLastIndex((event) => event.workflowTaskCompletedEventAttributes);
  const failed = events
    .slice(done + 1)
    .some(({ workflowTaskFailedEventAttributes: failure }) => failure && failure.cause !== BY_RESET);
  if (failed) return undefined;
  return (events[done] ?? events.findLast((event) => event.workflowTaskStartedEventAttributes))?.eventId ?? undefined;
}

const unlessEnded = (call: Promise<unknown>): Promise<unknown> =>
  call.catch((error) => {
    if (!(error instanceof WorkflowNotFoundError) && error.code !== NOT_FOUND) throw error;
  });
