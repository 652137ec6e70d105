import type { Client } from '@temporalio/client';
import { nanoid } from 'nanoid';
import { admit, refuseCommandId, refuseCycle, refuseDueAt, refuseRef } from '../message/admission';
import {
  type CancelAnswer,
  type CancelCommand,
  cancelSignal,
  cancelUpdate,
  type MoveAnswer,
  moveSignal,
  moveUpdate,
} from '../message/commands';
import type { MessageRef } from '../message/contract';
import { epochMsOf, type InstantInput } from '../message/due-time';
import { type NotFound, type Requested, send } from './send';

/**
 * Cancels a message. The answer is `cancelled` only if the ledger has recorded it: the message will not be delivered. A
 * worker has `deadlineMs` to answer, ten seconds by default; after that the answer is `requested`.
 */
export async function cancel(
  client: Client,
  ref: MessageRef,
  { commandId = nanoid(), reason, deadlineMs }: Partial<CancelCommand> & { deadlineMs?: number } = {},
): Promise<CancelAnswer | Requested | NotFound> {
  admit(refuseRef(ref) ?? refuseCommandId(commandId));
  const ways = { update: cancelUpdate, signal: cancelSignal, deadlineMs };
  const answer = await send(client, ref, { commandId, reason }, ways);
  // Cancelled by whichever call: a lost answer and a repeat read the same.
  return answer.result === 'tooLate' && answer.outcome === 'cancelled' ? { result: 'cancelled' } : answer;
}

/**
 * Moves a message to another due time, earlier or later. A due time in the past delivers it at once. With
 * `expectedCycle` only that cycle is moved: `stale` says which one waits instead. `deadlineMs` is as for `cancel`.
 */
export async function move(
  client: Client,
  ref: MessageRef,
  {
    dueAt,
    cycle,
    expectedCycle,
    commandId = nanoid(),
    deadlineMs,
  }: { dueAt: InstantInput; cycle?: number; expectedCycle?: number; commandId?: string; deadlineMs?: number },
): Promise<MoveAnswer | Requested | NotFound> {
  const command = { commandId, dueAt: epochMsOf(dueAt), cycle, expectedCycle };
  admit(
    refuseRef(ref) ??
      refuseCommandId(commandId) ??
      refuseDueAt(command.dueAt, Date.now()) ??
      (cycle === undefined ? undefined : refuseCycle(cycle)) ??
      (expectedCycle === undefined ? undefined : refuseCycle(expectedCycle, 'expectedCycle')),
  );
  return send(client, ref, command, { update: moveUpdate, signal: moveSignal, deadlineMs });
}
