import type { Client } from '@temporalio/client';
import { searchAttributePayloadConverter } from '@temporalio/common/lib/converter/payload-search-attributes';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { refuseCommandId, refuseCycle, refuseRef } from '../message/admission';
import { type MessageRef, searchAttributes, workflowIdOf } from '../message/contract';
import { rfc3339 } from '../message/due-time';
import { encodingOf, type Payload } from './payload-encoding';
import type { RunRecord } from './run-records';

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
  /** What of the record cannot be read, and why. What could be read stands in the other fields. */
  unreadable?: string;
}

/** A run of which something cannot be read. It may not even name a message. */
export type UnreadableRun = Pick<MessageStatus, 'workflowId' | 'runId'> & { unreadable: string };

// By temporal.api.enums.v1.WorkflowExecutionStatus. A server of a later release may have more.
const STATE_OF = {
  0: 'failed', // UNSPECIFIED
  1: 'waiting', // RUNNING
  2: 'ended', // COMPLETED
  3: 'failed', // FAILED
  4: 'failed', // CANCELED
  5: 'failed', // TERMINATED
  6: 'failed', // CONTINUED_AS_NEW
  7: 'failed', // TIMED_OUT
  8: 'waiting', // PAUSED
} as const satisfies Record<NonNullable<RunRecord['status']>, MessageState>;

/**
 * Reads Temporal's record of a run: the one place where a memo and search attributes are decoded. Any client can start a
 * run with contents of any kind, so this never throws: what cannot be read is named in `unreadable`. The workflow's id names
 * the message.
 */
export async function statusOf(client: Client, record: RunRecord): Promise<MessageStatus | UnreadableRun> {
  const workflowId = record.execution?.workflowId ?? '';
  const runId = record.execution?.runId ?? '';
  const problems: string[] = [];
  const memo = async <Value>(name: string, isUsable: (value: unknown) => boolean): Promise<Value | undefined> => {
    const payload = record.memo?.fields?.[name];
    if (!payload) return undefined;
    const read = await memoValueOf(client, record, name);
    if (!read) problems.push(`memo ${name} cannot be decoded (${encodingOf(payload)})`);
    else if (isPresent(read.value) && isUsable(read.value)) return read.value as Value;
    else if (isPresent(read.value)) problems.push(`memo ${name} is of another kind`);
    return undefined;
  };
  const attribute = async (name: string, isUsable: (value: unknown) => boolean): Promise<unknown> => {
    const payload = record.searchAttributes?.indexedFields?.[name];
    if (!payload) return undefined;
    const read = await tryTo(() => oneOf(payload));
    if (!read) problems.push(`${name} cannot be decoded (${encodingOf(payload)})`);
    else if (isPresent(read.value) && isUsable(read.value)) return read.value;
    else if (isPresent(read.value)) problems.push(`${name} is not this message's`);
    return undefined;
  };
  const cycle = await memo<number>('cycle', (value) => refuseCycle(value) === undefined);
  const scheduledBy = await memo<string>('commandId', (value) => refuseCommandId(value) === undefined);
  const dueAt = await attribute(searchAttributes.dueAt.name, (value) => Number.isFinite(epochMsIn(value)));
  const ref = refOf(workflowId);
  for (const part of ['topic', 'tenant', 'key'] as const) {
    if (ref) await attribute(searchAttributes[part].name, (value) => value === ref[part]);
  }
  if (!ref) return { workflowId, runId, unreadable: [`its id names no message`, ...problems].join('; ') };
  return {
    workflowId,
    runId,
    ...ref,
    state: STATE_OF[record.status ?? 0] ?? 'failed',
    dueAt: dueAt === undefined ? undefined : rfc3339(epochMsIn(dueAt)),
    cycle,
    scheduledBy,
    unreadable: problems.length > 0 ? problems.join('; ') : undefined,
  };
}

/** A value of a run's memo. Undefined if it is not there, or cannot be decoded. */
export async function memoValueOf(
  client: Client,
  record: RunRecord,
  name: string,
): Promise<{ value: unknown } | undefined> {
  const payload = record.memo?.fields?.[name];
  if (!payload) return undefined;
  return tryTo(async () => (await decodeArrayFromPayloads(client.options.loadedDataConverter, [payload]))[0]);
}

/** The message that a workflow's id names; undefined if the id is none of ours. */
function refOf(workflowId: string): MessageRef | undefined {
  const [, topic = '', tenant = '', key = ''] = workflowId.split(':');
  const ref = { topic, tenant, key };
  return refuseRef(ref) === undefined && workflowIdOf(ref) === workflowId ? ref : undefined;
}

const isPresent = (value: unknown): boolean => value !== undefined && value !== null;

/** A search attribute's value. The server keeps it as a value or as a list of one. */
const oneOf = (payload: Payload): unknown =>
  (searchAttributePayloadConverter.fromPayload(payload) as readonly unknown[])[0];

// The years that RFC 3339 has.
const FIRST_MS = Date.parse('0000-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** The instant that a value names, in epoch ms; `NaN` if none. The server takes offsets that JavaScript does not know. */
function epochMsIn(value: unknown): number {
  const ms = value instanceof Date ? value.getTime() : Number.NaN;
  return ms >= FIRST_MS && ms <= LAST_MS ? ms : Number.NaN;
}

async function tryTo(read: () => unknown): Promise<{ value: unknown } | undefined> {
  try {
    return { value: await read() };
  } catch {
    return undefined;
  }
}
