import type { Client, WorkflowHandle } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { tsToMs } from '@temporalio/common/lib/time';
import { epochMsOf, rfc3339 } from '../due-time';
import type { CarriedMessage } from '../workflows/scheduled-message';
import type { TimelineEntry } from './timeline-entry';

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
export type HistoryEvent = NonNullable<History['events']>[number];
type Told = Omit<TimelineEntry, 'at' | 'source'>;
type Payloads = Parameters<typeof decodeArrayFromPayloads>[1];

// What any of our commands may carry; signals are anybody's, so nothing of it is certain.
type Command = { commandId?: unknown; reason?: unknown; dueAt?: unknown };

/** Reads events of Temporal's histories into what they mean to a message; most mean nothing. */
export function createReader(client: Client) {
  const { loadedDataConverter } = client.options;

  async function first(payloads: Payloads): Promise<unknown> {
    try {
      return (await decodeArrayFromPayloads(loadedDataConverter, payloads))[0];
    } catch {
      // A command that nobody can read is refused by the workflow; that somebody sent it is still told.
      return undefined;
    }
  }

  async function asked(what: string, payloads: Payloads, told: Told): Promise<Told> {
    const { commandId, reason, dueAt } = ((await first(payloads)) ?? {}) as Command;
    const dueMs = epochMsOf(dueAt);
    const details = [told.detail, reason, Number.isFinite(dueMs) ? `to ${rfc3339(dueMs)}` : undefined];
    return {
      what,
      by: told.by,
      commandId: typeof commandId === 'string' ? commandId : told.commandId,
      detail: details.filter((detail) => typeof detail === 'string').join('; ') || undefined,
    };
  }

  async function toldBy(event: HistoryEvent): Promise<Told | undefined> {
    const started = event.workflowExecutionStartedEventAttributes;
    if (started) {
      const message = (await first(started.input?.payloads)) as CarriedMessage | undefined;
      const due = Number.isFinite(message?.dueAt) ? `due ${rfc3339(message?.dueAt as number)}` : undefined;
      if (started.continuedExecutionRunId) return { what: 'goes on', cycle: message?.cycle, detail: due };
      return { what: 'posted', cycle: message?.cycle, by: started.identity || undefined, detail: due };
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
      const told = { what: '', by: update.meta?.identity || undefined, commandId: update.meta?.updateId ?? undefined };
      return asked(`${update.input?.name} asked`, update.input?.args?.payloads, told);
    }
    const signal = event.workflowExecutionSignaledEventAttributes;
    if (signal) {
      const told = { what: '', by: signal.identity || undefined, detail: 'as a signal' };
      return asked(`${signal.signalName} asked`, signal.input?.payloads, told);
    }
    return ending(event);
  }

  return async (event: HistoryEvent): Promise<TimelineEntry[]> => {
    const told = await toldBy(event);
    return told ? [{ at: rfc3339(Math.floor(tsToMs(event.eventTime))), source: 'temporal', ...told }] : [];
  };
}

function ending(event: HistoryEvent): Told | undefined {
  const cancelled = event.workflowExecutionCancelRequestedEventAttributes;
  if (cancelled) return { what: 'cancel asked', by: cancelled.identity || undefined, detail: "as Temporal's own" };
  const terminated = event.workflowExecutionTerminatedEventAttributes;
  if (terminated) {
    const { identity, reason } = terminated;
    return { what: 'terminated', by: identity || undefined, detail: reason || 'no row says why' };
  }
  const troubled = event.workflowTaskFailedEventAttributes;
  if (troubled) return { what: 'workflow task failed', detail: troubled.failure?.message ?? undefined };
  if (event.workflowExecutionCompletedEventAttributes) return { what: 'workflow ended' };
  const failed = event.workflowExecutionFailedEventAttributes;
  return failed ? { what: 'workflow failed', detail: failed.failure?.message ?? undefined } : undefined;
}
