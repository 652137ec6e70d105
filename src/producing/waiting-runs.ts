import type { Client, WorkflowHandle } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { tsToMs } from '@temporalio/common/lib/time';
import { admit } from '../message/admission';
import type { Delivery, ScheduledMessage } from '../message/contract';
import { fieldsOfMessage, refuseMessage, refuseOtherId, refuseUnusable } from '../message/read-message';
import type { CarriedMessage } from '../workflows/scheduled-message';
import { withinDeadline } from './deadline';
import { list, queryOf, type Selection } from './list';
import type { MessageStatus, UnreadableRun } from './message-status';
import { encodingOf } from './payload-encoding';
import { type RunWithMessage, runsWithMessages } from './runs-with-messages';

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
  /** All selected runs page by page, with the messages that their memos carry. */
  pages(selection: Selection): AsyncIterable<RunWithMessage[]>;
  /**
   * The message with which the run was started. Throws an `UnreadableMessage`, or a `MessageError`, if no workflow could
   * use it.
   */
  messageOf(run: Run): Promise<ScheduledMessage>;
  /**
   * The same message, with whether it was due before it was posted, when it got its due time (epoch ms), and the latest events of
   * its run, oldest first.
   */
  deliveryOf(run: Run): Promise<{ delivery: Delivery; datedAt: number; events: HistoryEvent[] }>;
  /** The latest events of a run, by default of the message's newest run, oldest first. */
  latestEvents(run: { workflowId: string; runId?: string }): Promise<HistoryEvent[]>;
}

type Run = Pick<MessageStatus, 'workflowId' | 'runId'>;
type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
export type HistoryEvent = NonNullable<History['events']>[number];

// A message that slept and woke has some ten events, each command some six more.
const EVENTS = 50;

/** Thrown for a run that no workflow and no worker could read. The message names the run, and quotes nothing of it. */
export class UnreadableMessage extends Error {
  override readonly name = 'UnreadableMessage';
}

/** Whether nothing but its starter has said that this run has a message. */
function isFromOutside(events: HistoryEvent[]): boolean {
  const { continuedExecutionRunId, cronSchedule } = events[0]?.workflowExecutionStartedEventAttributes ?? {};
  const isAccepted = events.some((event) => event.workflowTaskCompletedEventAttributes);
  return !isAccepted && (!continuedExecutionRunId || Boolean(cronSchedule));
}

/** Runs of which something cannot be read go to `onUnreadable`. */
export function createWaiting(
  client: Client,
  { onUnreadable = () => undefined }: { onUnreadable?(run: UnreadableRun): void } = {},
): Waiting {
  const { workflowService, options } = client.workflow;
  const { namespace, loadedDataConverter } = options;
  /** The first events of a run; `more`: there are others. */
  async function firstEvents({ workflowId, runId }: Run, maximumPageSize: number) {
    const execution = { workflowId, runId };
    const { history, nextPageToken } = await withinDeadline(client, () =>
      workflowService.getWorkflowExecutionHistory({ namespace, execution, maximumPageSize }),
    );
    return { events: history?.events ?? [], more: Boolean(nextPageToken?.length) };
  }

  async function latestEvents({ workflowId, runId }: { workflowId: string; runId?: string }): Promise<HistoryEvent[]> {
    const latest = { namespace, execution: { workflowId, runId }, maximumPageSize: EVENTS };
    const { history } = await withinDeadline(client, () => workflowService.getWorkflowExecutionHistoryReverse(latest));
    return (history?.events ?? []).toReversed();
  }

  async function carriedIn(events: HistoryEvent[], { workflowId }: Run) {
    const payloads = events[0]?.workflowExecutionStartedEventAttributes?.input?.payloads;
    const [carried] = (await decodeArrayFromPayloads(loadedDataConverter, payloads).catch(() => {
      throw new UnreadableMessage(`${workflowId}: its message cannot be decoded (${encodingOf(payloads?.[0] ?? {})})`);
    })) as [CarriedMessage?];
    if (!carried) throw new UnreadableMessage(`${workflowId} was started without a message`);
    const { applied: _, datedAt, ...message } = fieldsOfMessage(carried) as CarriedMessage;
    admit(refuseUnusable(message, Date.now()) ?? refuseOtherId(message, workflowId));
    return { message, datedAt };
  }

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
    pages: (selection) => runsWithMessages(client, { ...selection, state: 'waiting' }, { onUnreadable }),
    // Only the first event is read: a description lacks the input, and the whole history comes page by page.
    messageOf: async (run) => (await carriedIn((await firstEvents(run, 1)).events, run)).message,
    async deliveryOf(run) {
      const { events, more } = await firstEvents(run, EVENTS);
      const { message, datedAt = tsToMs(events[0]?.eventTime) } = await carriedIn(events, run);
      // Its workflow has not asked for the whole contract yet, and may never: its first task may be for nobody.
      if (isFromOutside(events)) admit(refuseMessage(message, Date.now()));
      const delivery = { message, late: message.dueAt <= datedAt };
      return { delivery, datedAt, events: more ? await latestEvents(run) : events };
    },
    latestEvents,
  };
}
