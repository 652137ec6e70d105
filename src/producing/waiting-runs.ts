import type { Client } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { admit, refuseCycle, refuseDueAt, refuseRef } from '../message/admission';
import type { ScheduledMessage } from '../message/contract';
import type { CarriedMessage } from '../workflows/scheduled-message';
import { withinDeadline } from './deadline';
import { list, queryOf, type Selection } from './list';
import type { MessageStatus, UnreadableRun } from './message-status';
import { encodingOf } from './payload-encoding';

/** Questions to Temporal about messages that wait. Visibility may be a second behind. */
export interface Waiting {
  count(selection: Selection): Promise<number>;
  /** The runs of at most `limit` messages, without those that `except` names. */
  runs(
    selection: Selection,
    wanted?: { limit?: number; except?(run: MessageStatus): boolean },
  ): Promise<MessageStatus[]>;
  /** All selected runs, read from Temporal as they are consumed. */
  each(selection: Selection): AsyncIterable<MessageStatus>;
  /**
   * The message with which the run was started. Throws an `UnreadableMessage`, or a `MessageError`, if no workflow could
   * use it.
   */
  messageOf(run: MessageStatus): Promise<ScheduledMessage>;
}

/** Thrown for a run that no workflow and no worker could read. The message names the run, and quotes nothing of it. */
export class UnreadableMessage extends Error {
  override readonly name = 'UnreadableMessage';
}

/** Runs of which something cannot be read go to `onUnreadable`. */
export function createWaiting(
  client: Client,
  { onUnreadable }: { onUnreadable?(run: UnreadableRun): void } = {},
): Waiting {
  const { workflowService, options } = client.workflow;
  const { namespace, loadedDataConverter } = options;
  return {
    count: async (selection) =>
      (await withinDeadline(client, () => client.workflow.count(queryOf({ ...selection, state: 'waiting' })))).count,
    async runs(selection, { limit = Number.POSITIVE_INFINITY, except = () => false } = {}) {
      const runs: MessageStatus[] = [];
      for await (const run of list(client, { ...selection, state: 'waiting' }, { onUnreadable })) {
        if (!except(run)) runs.push(run);
        if (runs.length >= limit) break;
      }
      return runs;
    },
    each: (selection) => list(client, { ...selection, state: 'waiting' }, { onUnreadable }),
    async messageOf({ workflowId, runId }) {
      const execution = { workflowId, runId };
      // Only the first event is read: a description lacks the input, and the whole history comes page by page.
      const { history } = await withinDeadline(client, () =>
        workflowService.getWorkflowExecutionHistory({ namespace, execution, maximumPageSize: 1 }),
      );
      const payloads = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads;
      const [carried] = (await decodeArrayFromPayloads(loadedDataConverter, payloads).catch(() => {
        throw new UnreadableMessage(
          `${workflowId}: its message cannot be decoded (${encodingOf(payloads?.[0] ?? {})})`,
        );
      })) as [CarriedMessage?];
      if (!carried) throw new UnreadableMessage(`${workflowId} was started without a message`);
      const { applied: _, datedAt: __, ...message } = carried;
      admit(refuseRef(message) ?? refuseCycle(message.cycle) ?? refuseDueAt(message.dueAt, Date.now()));
      return message;
    },
  };
}
