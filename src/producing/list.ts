import type { Client } from '@temporalio/client';
import { admit, refuseInstant, refuseRef } from '../message/admission';
import { searchAttributes } from '../message/contract';
import { epochMsOf, type InstantInput, rfc3339 } from '../message/due-time';
import { type MessageState, type MessageStatus, statusOf, type UnreadableRun } from './message-status';
import { listRecords } from './run-records';

/** Selects messages to list. The due range includes `dueFrom` and excludes `dueTo`. */
export interface Selection {
  topic?: string;
  /** Only messages of one of these topics. */
  topics?: string[];
  /** Excludes these topics. */
  notTopics?: string[];
  tenant?: string;
  /** Excludes these tenants. */
  notTenants?: string[];
  /** Only messages with one of these keys. */
  keys?: string[];
  dueFrom?: InstantInput;
  dueTo?: InstantInput;
  state?: MessageState;
}

/** The selected messages, and the runs among them of which something cannot be read. */
export interface MessagePage {
  messages: MessageStatus[];
  /** Those that still name a message of the selection are in `messages` too. */
  unreadable: UnreadableRun[];
  /** The token of the next page; none after the last. */
  next?: Uint8Array;
}

/**
 * The selected messages, fetched page by page. Visibility may lag a second behind. A run of which something cannot be read
 * goes to `onUnreadable`, and never ends the list.
 */
export async function* list(
  client: Client,
  selection: Selection = {},
  { onUnreadable = () => undefined }: { onUnreadable?(run: UnreadableRun): void } = {},
): AsyncGenerator<MessageStatus> {
  let from: Uint8Array | undefined;
  do {
    const { messages, unreadable, next } = await listPage(client, selection, { from });
    for (const run of unreadable) onUnreadable(run);
    yield* messages;
    from = next;
  } while (from);
}

/**
 * One page of the selected messages, at most `limit`, and fewer if some of its runs name no message of the selection. `from`
 * is the `next` of an earlier page of the same selection.
 */
export async function listPage(
  client: Client,
  selection: Selection,
  { limit, from }: { limit?: number; from?: Uint8Array },
): Promise<MessagePage> {
  const { records, next } = await listRecords(client, queryOf(selection), { limit, from });
  const runs = await Promise.all(records.map((record) => statusOf(client, record)));
  return {
    messages: runs.filter((run) => 'topic' in run).filter((run) => isSelected(run, selection)),
    unreadable: runs.filter((run) => run.unreadable !== undefined) as UnreadableRun[],
    next,
  };
}

/** Temporal selects by search attributes, which any client can give to any run. The run's id decides. */
export const isSelected = (
  run: MessageStatus,
  { topic, topics, notTopics, tenant, notTenants, keys }: Selection,
): boolean =>
  (topic === undefined || run.topic === topic) &&
  (topics === undefined || topics.includes(run.topic)) &&
  (tenant === undefined || run.tenant === tenant) &&
  !notTopics?.includes(run.topic) &&
  !notTenants?.includes(run.tenant) &&
  (keys === undefined || keys.includes(run.key));

const EXECUTION_STATUS = {
  waiting: `ExecutionStatus = 'Running'`,
  ended: `ExecutionStatus = 'Completed'`,
  failed: `ExecutionStatus in ('Failed', 'Terminated', 'Canceled', 'TimedOut')`,
} satisfies Record<MessageState, string>;

/** The selection in Temporal's list query language, which the Web UI accepts too. Throws a `MessageError`. */
export function queryOf(selection: Selection): string {
  const { topic, topics, notTopics, tenant, notTenants, keys, dueFrom, dueTo, state } = selection;
  // The allowed characters include no quote, so a checked part is safe to quote.
  admit(refuseRef({ topic: topic ?? 'any', tenant: tenant ?? 'any', key: 'any' }));
  for (const one of [...(topics ?? []), ...(notTopics ?? [])])
    admit(refuseRef({ topic: one, tenant: 'any', key: 'any' }));
  for (const one of notTenants ?? []) admit(refuseRef({ topic: 'any', tenant: one, key: 'any' }));
  for (const key of keys ?? []) admit(refuseRef({ topic: 'any', tenant: 'any', key }));
  const terms = [
    `WorkflowType = 'scheduledMessage'`,
    state ? EXECUTION_STATUS[state] : `ExecutionStatus != 'ContinuedAsNew'`,
  ];
  if (topic !== undefined) terms.push(`${searchAttributes.topic.name} = '${topic}'`);
  if (topics !== undefined) {
    terms.push(`${searchAttributes.topic.name} in (${quoted(topics)})`);
  }
  if (tenant !== undefined) terms.push(`${searchAttributes.tenant.name} = '${tenant}'`);
  if (notTopics?.length) terms.push(`${searchAttributes.topic.name} not in (${quoted(notTopics)})`);
  if (notTenants?.length) terms.push(`${searchAttributes.tenant.name} not in (${quoted(notTenants)})`);
  if (keys !== undefined) terms.push(`${searchAttributes.key.name} in (${quoted(keys)})`);
  if (dueFrom !== undefined) terms.push(`${searchAttributes.dueAt.name} >= '${instant(dueFrom)}'`);
  if (dueTo !== undefined) terms.push(`${searchAttributes.dueAt.name} < '${instant(dueTo)}'`);
  return terms.join(' and ');
}

const quoted = (parts: string[]): string => parts.map((part) => `'${part}'`).join(', ');

function instant(input: InstantInput): string {
  const epochMs = epochMsOf(input);
  admit(refuseInstant(epochMs, Date.now()));
  return rfc3339(epochMs);
}
