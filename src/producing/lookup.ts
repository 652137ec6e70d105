import {
  type Client,
  type WorkflowExecutionInfo,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { executionInfoFromRaw } from '@temporalio/client/lib/helpers';
import { ApplicationFailure } from '@temporalio/common';
import { admit, refuseDueAt, refuseRef } from '../message/admission';
import { type MessageRef, searchAttributes, workflowIdOf } from '../message/contract';
import type { Ending } from '../message/decision';
import { epochMsOf, type InstantInput, rfc3339 } from '../message/due-time';

// The SDK sets no deadline of its own: without one, a call to a server that is down never returns.
const DEADLINE_MS = 10_000;

/** Runs one call to Temporal with the client's deadline, or with its own. */
export const withinDeadline = <Result>(
  client: Client,
  call: () => Promise<Result>,
  deadlineMs = DEADLINE_MS,
): Promise<Result> => client.withDeadline(Date.now() + deadlineMs, call);

export const MESSAGE_STATES = ['waiting', 'ended', 'failed'] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/**
 * A message as Temporal's record shows it. `dueAt` is RFC 3339. `failed` also stands for one that an operator ended.
 */
export interface MessageStatus extends MessageRef {
  workflowId: string;
  runId: string;
  state: MessageState;
  dueAt?: string;
  cycle?: number;
  /** The id of the command that posted it. */
  scheduledBy?: string;
}

/** What Temporal knows of a message, and how it ended. Undefined if Temporal does not know it, or no longer. */
export async function describe(
  client: Client,
  { topic, tenant, key }: MessageRef,
): Promise<(MessageStatus & { ending?: Ending }) | undefined> {
  // Only these fields: the caller's object may have others, which Temporal did not report.
  const ref = { topic, tenant, key };
  admit(refuseRef(ref));
  const handle = client.workflow.getHandle(workflowIdOf(ref));
  try {
    const status = statusOf(await withinDeadline(client, () => handle.describe()));
    const ending =
      status.state === 'waiting' ? undefined : await withinDeadline(client, () => endingOf(handle.result()));
    return { ...status, ...ref, ending };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Selects messages to list. The due range includes `dueFrom` and excludes `dueTo`. */
export interface Selection {
  topic?: string;
  tenant?: string;
  /** Excludes these tenants. */
  notTenants?: string[];
  /** Only messages with one of these keys. */
  keys?: string[];
  dueFrom?: InstantInput;
  dueTo?: InstantInput;
  state?: MessageState;
}

/** The selected messages, fetched page by page. Visibility may lag a second behind. */
export async function* list(client: Client, selection: Selection = {}): AsyncGenerator<MessageStatus> {
  const pages = client.workflow.list({ query: queryOf(selection) })[Symbol.asyncIterator]();
  for (;;) {
    const next = await withinDeadline(client, () => pages.next());
    if (next.done) return;
    yield statusOf(next.value);
  }
}

/**
 * One page of the selected messages, at most `limit`, and the token of the next page; none after the last. `from` is
 * the `next` of an earlier page of the same selection.
 */
export async function listPage(
  client: Client,
  selection: Selection,
  { limit, from }: { limit: number; from?: Uint8Array },
): Promise<{ messages: MessageStatus[]; next?: Uint8Array }> {
  const { namespace, loadedDataConverter } = client.options;
  const page = { namespace, query: queryOf(selection), pageSize: limit, nextPageToken: from };
  const { executions, nextPageToken } = await withinDeadline(client, () =>
    client.workflowService.listWorkflowExecutions(page),
  );
  const infos = await Promise.all(
    (executions ?? []).map((raw) => executionInfoFromRaw(raw, loadedDataConverter, undefined, namespace)),
  );
  return { messages: infos.map(statusOf), next: nextPageToken?.length ? nextPageToken : undefined };
}

const EXECUTION_STATUS = {
  waiting: `ExecutionStatus = 'Running'`,
  ended: `ExecutionStatus = 'Completed'`,
  failed: `ExecutionStatus in ('Failed', 'Terminated', 'Canceled', 'TimedOut')`,
} satisfies Record<MessageState, string>;

// The state for each status that the SDK reports of a run.
const STATE_OF = {
  RUNNING: 'waiting',
  PAUSED: 'waiting',
  COMPLETED: 'ended',
  FAILED: 'failed',
  CANCELLED: 'failed',
  TERMINATED: 'failed',
  TIMED_OUT: 'failed',
  CONTINUED_AS_NEW: 'failed',
  UNSPECIFIED: 'failed',
  UNKNOWN: 'failed',
} as const satisfies Record<WorkflowExecutionInfo['status']['name'], MessageState>;

/** The selection in Temporal's list query language, which the Web UI accepts too. Throws a `MessageError`. */
export function queryOf({ topic, tenant, notTenants, keys, dueFrom, dueTo, state }: Selection): string {
  // The allowed characters include no quote, so a checked part is safe to quote.
  admit(refuseRef({ topic: topic ?? 'any', tenant: tenant ?? 'any', key: 'any' }));
  for (const one of notTenants ?? []) admit(refuseRef({ topic: 'any', tenant: one, key: 'any' }));
  for (const key of keys ?? []) admit(refuseRef({ topic: 'any', tenant: 'any', key }));
  const terms = [
    `WorkflowType = 'scheduledMessage'`,
    state ? EXECUTION_STATUS[state] : `ExecutionStatus != 'ContinuedAsNew'`,
  ];
  if (topic !== undefined) terms.push(`${searchAttributes.topic.name} = '${topic}'`);
  if (tenant !== undefined) terms.push(`${searchAttributes.tenant.name} = '${tenant}'`);
  if (notTenants?.length) {
    terms.push(`${searchAttributes.tenant.name} not in (${notTenants.map((one) => `'${one}'`).join(', ')})`);
  }
  if (keys !== undefined) terms.push(`${searchAttributes.key.name} in (${keys.map((key) => `'${key}'`).join(', ')})`);
  if (dueFrom !== undefined) terms.push(`${searchAttributes.dueAt.name} >= '${instant(dueFrom)}'`);
  if (dueTo !== undefined) terms.push(`${searchAttributes.dueAt.name} < '${instant(dueTo)}'`);
  return terms.join(' and ');
}

function instant(input: InstantInput): string {
  const epochMs = epochMsOf(input);
  admit(refuseDueAt(epochMs, Date.now()));
  return rfc3339(epochMs);
}

function statusOf(info: Omit<WorkflowExecutionInfo, 'raw'>): MessageStatus {
  const attributes = info.typedSearchAttributes;
  const { name } = info.status;
  return {
    workflowId: info.workflowId,
    runId: info.runId,
    topic: attributes.get(searchAttributes.topic) ?? '',
    tenant: attributes.get(searchAttributes.tenant) ?? '',
    key: attributes.get(searchAttributes.key) ?? '',
    state: STATE_OF[name],
    dueAt: attributes.get(searchAttributes.dueAt)?.toISOString(),
    cycle: info.memo?.cycle as number | undefined,
    scheduledBy: info.memo?.commandId as string | undefined,
  };
}

/** The workflow's result, or the ending that its failure carries. Undefined if an operator terminated it. */
async function endingOf(result: Promise<unknown>): Promise<Ending | undefined> {
  try {
    return (await result) as Ending;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const failure = error.cause;
    return failure instanceof ApplicationFailure ? (failure.details?.[0] as Ending | undefined) : undefined;
  }
}
