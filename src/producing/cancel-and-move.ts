import type { Client } from '@temporalio/client';
import { admit, refuseCommandId, refuseRef } from '../message/admission';
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
import { cancelCommandOf, type MoveInput, moveCommandOf, refuseMove } from './commands';
import { type NotFound, type Requested, send } from './send';

/**
 * Cancels a message. The answer is `cancelled` only if the ledger has recorded it: the message will not be delivered. A
 * worker has `deadlineMs` to answer, ten seconds by default; after that the answer is `requested`.
 */
export async function cancel(
  client: Client,
  ref: MessageRef,
  { deadlineMs, ...given }: Partial<CancelCommand> & { deadlineMs?: number } = {},
): Promise<CancelAnswer | Requested | NotFound> {
  const command = cancelCommandOf(given);
  admit(refuseRef(ref) ?? refuseCommandId(command.commandId));
  const ways = { update: cancelUpdate, signal: cancelSignal, deadlineMs: deadlineMs ?? undefined };
  const answer = await send(client, ref, command, ways);
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
  { deadlineMs, ...given }: MoveInput & { deadlineMs?: number },
): Promise<MoveAnswer | Requested | NotFound> {
  const command = moveCommandOf(given);
  admit(refuseRef(ref) ?? refuseMove(command));
  return send(client, ref, command, { update: moveUpdate, signal: moveSignal, deadlineMs: deadlineMs ?? undefined });
}
