import type { Client } from '@temporalio/client';
import { executionInfoFromRaw } from '@temporalio/client/lib/helpers';
import { admit, refuseDueAt, refuseRef } from '../message/admission';
import { searchAttributes } from '../message/contract';
import { epochMsOf, type InstantInput, rfc3339 } from '../message/due-time';
import { withinDeadline } from './deadline';
import { type MessageState, type MessageStatus, statusOf } from './message-status';

/** Selects messages to list. The due range includes `dueFrom` and excludes `dueTo`. */
export interface Selection {
  topic?: string;
  /** Only messages of one of these topics. */
  topics?: string[];
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

/** The selection in Temporal's list query language, which the Web UI accepts too. Throws a `MessageError`. */
export function queryOf({ topic, topics, tenant, notTenants, keys, dueFrom, dueTo, state }: Selection): string {
  // The allowed characters include no quote, so a checked part is safe to quote.
  admit(refuseRef({ topic: topic ?? 'any', tenant: tenant ?? 'any', key: 'any' }));
  for (const one of topics ?? []) admit(refuseRef({ topic: one, tenant: 'any', key: 'any' }));
  for (const one of notTenants ?? []) admit(refuseRef({ topic: 'any', tenant: one, key: 'any' }));
  for (const key of keys ?? []) admit(refuseRef({ topic: 'any', tenant: 'any', key }));
  const terms = [
    `WorkflowType = 'scheduledMessage'`,
    state ? EXECUTION_STATUS[state] : `ExecutionStatus != 'ContinuedAsNew'`,
  ];
  if (topic !== undefined) terms.push(`${searchAttributes.topic.name} = '${topic}'`);
  if (topics !== undefined) {
    terms.push(`${searchAttributes.topic.name} in (${topics.map((one) => `'${one}'`).join(', ')})`);
  }
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
