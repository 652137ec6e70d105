import { patched, workflowInfo } from '@temporalio/workflow';
import type { AppliedCommand } from '../message/commands';
import type { ScheduledMessage } from '../message/contract';
import { isUndecodable, recordOf } from '../message/decoding';
import { invalid } from '../message/invalid-failure';
import { fieldsOfMessage, refuseMessage, refuseOtherId, refuseUnusable } from '../message/read-message';
import type { Refusal } from '../message/refusal';

// A producer's clock or the database's has found the due time near enough. Temporal's clock may differ from theirs.
const CLOCKS_DIFFER_MS = 86_400_000;

/** The message of a run, with what the run before has handed on. */
interface Start {
  posted: ScheduledMessage;
  applied?: AppliedCommand[];
  datedAt?: number;
}

/**
 * Reads what a run was started with. Anybody can start a workflow, in any language: a message that is not as the
 * contract says ends here, in sight, because its task would otherwise be retried without end. Throws the failure that
 * ends it.
 */
export function readStart(carried: unknown): Start {
  if (isUndecodable(carried)) throw invalid(UNDECODABLE);
  const { applied, datedAt, ...posted } = fieldsOfMessage(carried) as ScheduledMessage & Partial<Start>;
  const { startTime, workflowId, continuedFromExecutionRunId, cronSchedule } = workflowInfo();
  const nowMs = startTime.getTime() + CLOCKS_DIFFER_MS;
  // As in every release: without these, nothing can be done with the message.
  const unusable = refuseUnusable(posted, nowMs);
  if (unusable) throw invalid(unusable);
  // Written by a newer release: it waits for a worker that can read it, and is not dropped.
  if (Number.isSafeInteger(posted.v) && posted.v > 1)
    throw new Error(`message version ${posted.v} is newer than this worker`);
  // A run that another one has continued to was checked when its first run began. Moves and repeats may have brought it
  // beyond what a caller can name. A cron schedule begins each run with what the starter has given.
  const outside = continuedFromExecutionRunId === undefined || cronSchedule !== undefined;
  const refusal =
    refuseOtherId(posted, workflowId) ??
    (outside ? (refuseMessage(posted, nowMs) ?? refuseCarried(applied, datedAt)) : undefined);
  // 0.6.0, 2026-11-30. Messages that older releases have accepted sleep on: their histories hold no such failure.
  if (refusal && patched('whole-contract-at-start')) throw invalid(refusal);
  return { posted, applied: Array.isArray(applied) ? applied : undefined, datedAt };
}

const UNDECODABLE: Refusal = { code: 'undecodable', field: 'message', message: 'cannot be decoded by this worker' };

/** Only a run of ours writes these. */
function refuseCarried(applied: unknown, datedAt: unknown): Refusal | undefined {
  const isCommand = (one: unknown) => typeof recordOf(one)?.commandId === 'string' && recordOf(recordOf(one)?.answer);
  const right =
    (applied === undefined || (Array.isArray(applied) && applied.every(isCommand))) &&
    (datedAt === undefined || Number.isSafeInteger(datedAt));
  return right ? undefined : { code: 'invalidCarried', field: 'applied', message: 'is written by Postdate alone' };
}
