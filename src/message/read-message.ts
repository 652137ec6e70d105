import { refuseCycle, refuseDueAt, refuseInstant, refuseLead, refuseNamedCycle, refuseRef } from './admission';
import { type MessageRef, type ScheduledMessage, workflowIdOf } from './contract';
import { refuseOptionalTypes } from './contract-fields';
import { recordOf, withoutNulls } from './decoding';
import type { Refusal } from './refusal';
import { refuseMessageSize, refusePayloadSize } from './size';

/**
 * The fields of what came as a message, whatever it is. Null in an optional field counts as absent. Ask `refuseUnusable`
 * before anything else is done with them.
 */
export function fieldsOfMessage(raw: unknown): ScheduledMessage {
  const { payload, ...fields } = recordOf(raw) ?? {};
  const { repeat, ...others } = withoutNulls(fields);
  const rule = recordOf(repeat);
  // A payload may be null.
  return {
    ...others,
    ...(repeat === undefined ? {} : { repeat: rule ? withoutNulls(rule) : repeat }),
    payload,
  } as never;
}

/** Why nothing could be done with a message: its ids, its cycle or its due time. */
export const refuseUnusable = (message: ScheduledMessage, nowMs: number): Refusal | undefined =>
  refuseRef(message) ??
  refuseCycle(message.cycle) ??
  refuseInstant(message.dueAt, nowMs) ??
  (message.leadMs === undefined ? undefined : refuseLead(message.leadMs));

/** Why a message is not as the contract says, in any of its fields, when it comes from outside. */
export const refuseMessage = (message: ScheduledMessage, nowMs: number): Refusal | undefined =>
  refuseUnusable(message, nowMs) ??
  refuseVersion(message.v) ??
  refuseNamedCycle(message.cycle) ??
  refuseDueAt(message, nowMs) ??
  refuseOptionalTypes(message as unknown as Record<string, unknown>) ??
  refusePayloadSize(message.payload) ??
  refuseMessageSize(message);

/** Why a message is not the one of this workflow: commands and decisions under one id would be about another. */
export function refuseOtherId(message: MessageRef, workflowId: string): Refusal | undefined {
  if (workflowIdOf(message) === workflowId) return undefined;
  const rule = `must be ${workflowIdOf(message)}, by the topic, tenant and key of its message`;
  return { code: 'otherWorkflowId', field: 'workflowId', message: rule };
}

const refuseVersion = (v: unknown): Refusal | undefined =>
  v === undefined || (Number.isSafeInteger(v) && (v as number) >= 1)
    ? undefined
    : { code: 'invalidMessageVersion', field: 'v', message: 'must be a whole number from 1' };
