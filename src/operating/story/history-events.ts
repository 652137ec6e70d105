import type { Client, WorkflowHandle } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { tsToMs } from '@temporalio/common/lib/time';
import { refuseCycle } from '../../message/admission';
import { epochMsOf, rfc3339 } from '../../message/due-time';
import type { TimelineEntry } from './timeline-entry';

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
export type HistoryEvent = NonNullable<History['events']>[number];
type EntryDetails = Omit<TimelineEntry, 'at' | 'source'>;
type Payloads = Parameters<typeof decodeArrayFromPayloads>[1];

// The arguments of our commands. Any client can send a signal, so none of the fields is certain.
type Command = { commandId?: unknown; reason?: unknown; dueAt?: unknown };
// The last instant that JavaScript's dates have.
const LAST_EPOCH_MS = 8.64e15;

/** Translates events of Temporal's histories into timeline entries. Most events have none. */
export function createHistoryReader(client: Client) {
  const { loadedDataConverter } = client.options;

  async function decodeFirst(payloads: Payloads): Promise<unknown> {
    try {
      return (await decodeArrayFromPayloads(loadedDataConverter, payloads))[0];
    } catch {
      // The workflow refuses a command that cannot be decoded; the timeline still shows that it was sent.
      return undefined;
    }
  }

  async function commandEntry(what: string, payloads: Payloads, details: EntryDetails): Promise<EntryDetails> {
    const { commandId, reason, dueAt } = ((await decodeFirst(payloads)) ?? {}) as Command;
    const to = instantIn(dueAt);
    const parts = [details.detail, reason, to && `to ${to}`];
    return {
      what,
      by: details.by,
      commandId: typeof commandId === 'string' ? commandId : details.commandId,
      detail: parts.filter((detail) => typeof detail === 'string').join('; ') || undefined,
    };
  }

  async function entryOf(event: HistoryEvent): Promise<EntryDetails | undefined> {
    const started = event.workflowExecutionStartedEventAttributes;
    if (started) {
      const message = (await decodeFirst(started.input?.payloads)) as { cycle?: unknown; dueAt?: unknown } | undefined;
      const dueAt = instantIn(message?.dueAt);
      const cycle = refuseCycle(message?.cycle) ? undefined : (message?.cycle as number);
      const detail = dueAt ? `due ${dueAt}` : message ? undefined : 'its message cannot be decoded';
      if (started.continuedExecutionRunId) return { what: 'goes on', cycle, detail };
      return { what: 'posted', cycle, by: started.identity || undefined, detail };
    }
    const timer = event.timerStartedEventAttributes;
    if (timer) {
      const wakesAt = tsToMs(event.eventTime) + tsToMs(timer.startToFireTimeout);
      return { what: 'asleep', detail: `until ${rfc3339(wakesAt)}` };
    }
    if (event.timerFiredEventAttributes) return { what: 'woke' };
    const attempt = event.activityTaskStartedEventAttributes;
    if (attempt) {
      const retried = (attempt.attempt ?? 1) > 1 ? `attempt ${attempt.attempt}` : undefined;
      return { what: 'with a worker', by: attempt.identity || undefined, detail: retried };
    }
    const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest;
    if (update) {
      const details = {
        what: '',
        by: update.meta?.identity || undefined,
        commandId: update.meta?.updateId ?? undefined,
      };
      return commandEntry(`${update.input?.name} asked`, update.input?.args?.payloads, details);
    }
    const signal = event.workflowExecutionSignaledEventAttributes;
    if (signal) {
      const details = { what: '', by: signal.identity || undefined, detail: 'as a signal' };
      return commandEntry(`${signal.signalName} asked`, signal.input?.payloads, details);
    }
    return endEntryOf(event);
  }

  return async (event: HistoryEvent): Promise<TimelineEntry[]> => {
    const details = await entryOf(event);
    return details ? [{ at: rfc3339(Math.floor(tsToMs(event.eventTime))), source: 'temporal', ...details }] : [];
  };
}

/** An instant of a foreign client's, in RFC 3339; undefined if it is none, or one that no date has. */
function instantIn(value: unknown): string | undefined {
  const epochMs = epochMsOf(value);
  return Math.abs(epochMs) <= LAST_EPOCH_MS ? rfc3339(epochMs) : undefined;
}

function endEntryOf(event: HistoryEvent): EntryDetails | undefined {
  const cancelled = event.workflowExecutionCancelRequestedEventAttributes;
  if (cancelled) return { what: 'cancel asked', by: cancelled.identity || undefined, detail: "as Temporal's own" };
  const terminated = event.workflowExecutionTerminatedEventAttributes;
  if (terminated) {
    const { identity, reason } = terminated;
    return { what: 'terminated', by: identity || undefined, detail: reason || 'no row says why' };
  }
  const taskFailed = event.workflowTaskFailedEventAttributes;
  if (taskFailed) return { what: 'workflow task failed', detail: taskFailed.failure?.message ?? undefined };
  if (event.workflowExecutionCompletedEventAttributes) return { what: 'workflow ended' };
  const failed = event.workflowExecutionFailedEventAttributes;
  return failed ? { what: 'workflow failed', detail: failed.failure?.message ?? undefined } : undefined;
}
