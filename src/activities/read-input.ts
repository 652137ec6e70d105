import { refuseCommandId, refuseInstant } from '../message/admission';
import type { Delivery, LedgerActivities, ScheduledMessage } from '../message/contract';
import { recordOf } from '../message/decoding';
import { invalid } from '../message/invalid-failure';
import { fieldsOfMessage, refuseUnusable } from '../message/read-message';
import type { Refusal } from '../message/refusal';
import { MAX_LEAD_MS } from '../message/wake';

type Command = Parameters<LedgerActivities['move']>[0]['command'];

// The workflow has compared the instant with its own clock.
const EVER = Number.POSITIVE_INFINITY;

/**
 * Reads the delivery that a workflow asks for. Any workflow of the namespace can ask, with anything: a message without a usable
 * name, cycle or due time could neither be held nor be written down, and would hold up those beside it. Throws a failure that is
 * not retried.
 */
export function readDelivery(topic: string, input: unknown): Delivery {
  const { late, wakeAt, knowsLanes, cameBackFrom } = (recordOf(input) ?? {}) as Partial<
    Record<keyof Delivery, unknown>
  >;
  const message = readMessage(topic, input);
  const { dueAt } = message;
  const isWake = typeof wakeAt === 'number' && wakeAt <= dueAt && wakeAt >= dueAt - MAX_LEAD_MS;
  return {
    message,
    late: late === true,
    wakeAt: isWake ? wakeAt : undefined,
    knowsLanes: knowsLanes === true ? true : undefined,
    cameBackFrom: typeof cameBackFrom === 'string' ? cameBackFrom : undefined,
  };
}

/** Reads the command that a workflow has decided by the ledger, as `readDelivery` does. `dueAt` is asked of a move only. */
export function readCommand(
  topic: string,
  input: unknown,
  { isMove }: { isMove: boolean },
): { message: ScheduledMessage; command: Command } {
  const message = readMessage(topic, input);
  const { reason, ...command } = (recordOf(recordOf(input)?.command) ?? {}) as Record<string, unknown>;
  admit(refuseCommandId(command.commandId) ?? (isMove ? refuseInstant(command.dueAt, EVER) : undefined));
  return { message, command: { ...command, ...(typeof reason === 'string' ? { reason } : {}) } as unknown as Command };
}

function readMessage(topic: string, input: unknown): ScheduledMessage {
  const message = fieldsOfMessage(recordOf(input)?.message);
  admit(refuseUnusable(message, EVER) ?? (message.topic === topic ? undefined : otherTopic(topic)));
  return message;
}

const otherTopic = (topic: string): Refusal => ({
  code: 'invalidTopic',
  field: 'topic',
  message: `must be ${topic}, by the task queue`,
});

function admit(refusal: Refusal | undefined): void {
  if (refusal) throw invalid(refusal);
}
