import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { admit, refuseCycle, refuseDueAt, refuseRef } from '../admission';
import { wakeSignal } from '../commands';
import type { ScheduledMessage } from '../contract';
import { list, type MessageStatus, queryOf, type Selection, withinDeadline } from '../lookup';
import type { CarriedMessage } from '../workflows/scheduled-message';

// WORKFLOW_EXECUTION_STATUS_RUNNING
const RUNNING = 1;

/** What Temporal knows of messages that wait. Visibility may be a second behind. */
export interface Waiting {
  count(selection: Selection): Promise<number>;
  /** At most `limit` of them, leaving out some. */
  runs(
    selection: Selection,
    wanted?: { limit?: number; except?(run: MessageStatus): boolean },
  ): Promise<MessageStatus[]>;
  /** True for one that runs and of which nothing is under way: only its timer, or somebody else, will ever wake it. */
  isIdle(run: MessageStatus): Promise<boolean>;
  /** Has it look at the clock. Changes nothing of one that has ended, or is not due. */
  wake(run: MessageStatus): Promise<void>;
  /** The message as the run was given it. Throws when it was started with what no workflow could use. */
  messageOf(run: MessageStatus): Promise<ScheduledMessage>;
}

export function createWaiting(client: Client): Waiting {
  const { workflowService, options } = client.workflow;
  const { namespace, loadedDataConverter } = options;
  return {
    count: async (selection) =>
      (await withinDeadline(client, () => client.workflow.count(queryOf({ ...selection, state: 'waiting' })))).count,
    async runs(selection, { limit = Number.POSITIVE_INFINITY, except = () => false } = {}) {
      const runs: MessageStatus[] = [];
      for await (const run of list(client, { ...selection, state: 'waiting' })) {
        if (!except(run)) runs.push(run);
        if (runs.length >= limit) break;
      }
      return runs;
    },
    async isIdle({ workflowId, runId }) {
      const { raw } = await withinDeadline(client, () => client.workflow.getHandle(workflowId, runId).describe());
      const isRunning = raw.workflowExecutionInfo?.status === RUNNING;
      return isRunning && !raw.pendingWorkflowTask && (raw.pendingActivities ?? []).length === 0;
    },
    async wake({ workflowId, runId }) {
      const handle = client.workflow.getHandle(workflowId, runId);
      await withinDeadline(client, () => handle.signal(wakeSignal)).catch((error) => {
        // It has ended meanwhile.
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      });
    },
    async messageOf({ workflowId, runId }) {
      const execution = { workflowId, runId };
      // Only the first event: a description lacks the input, and the whole history would be read page by page.
      const { history } = await withinDeadline(client, () =>
        workflowService.getWorkflowExecutionHistory({ namespace, execution, maximumPageSize: 1 }),
      );
      const payloads = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads;
      const [carried] = (await decodeArrayFromPayloads(loadedDataConverter, payloads)) as [CarriedMessage?];
      if (!carried) throw new Error(`${workflowId} was started without a message`);
      const { applied: _, datedAt: __, ...message } = carried;
      admit(refuseRef(message) ?? refuseCycle(message.cycle) ?? refuseDueAt(message.dueAt, Date.now()));
      return message;
    },
  };
}
