import type { Client } from '@temporalio/client';
import type { z } from 'zod';
import { admit, refuseCommandId } from '../message/admission';
import type { MoveAnswer, TooLate } from '../message/commands';
import { type ScheduledMessage, workflowIdOf } from '../message/contract';
import { withOccurrence } from '../message/occurrence';
import { presentTrace, tracePosting } from '../platform/telemetry/tracing';
import { type BurstCounter, createBurstCounter } from './bursts';
import { move } from './cancel-and-move';
import { describe } from './describe';
import { OvertakenError } from './overtaken-error';
import {
  type Eagerly,
  type GoesOn,
  messageOf,
  type Post,
  presentFieldsOf,
  type ScheduleOptions,
  scheduleOptionsOf,
} from './post';
import { refuseReuse } from './reused-command';
import type { Requested } from './send';
import { startDelayOf } from './start-delay';
import { startRun } from './start-run';

/** `late`: it was already due, and is delivered at once. */
export type ScheduleAnswer =
  | { result: 'scheduled'; workflowId: string; late: boolean }
  | { result: 'kept'; workflowId: string }
  | { result: 'rejected'; workflowId: string }
  | Exclude<MoveAnswer, TooLate>
  | Requested;

/**
 * Posts a message to the future. A cycle is delivered once, for ever. If the message is posted again after it has
 * fired, without a `cycle`, it takes the next free one. Throws a `MessageError` for bad input, before anything is
 * started, also for a `commandId` that was used for another post, if Temporal still knows that one. Throws an
 * `OvertakenError` when others change the message faster than this call can.
 */
export async function schedule<Schema extends z.ZodType>(
  client: Client,
  given: Post<Schema>,
  { occurrence = 1, starting, ...options }: ScheduleOptions & GoesOn & Eagerly = {},
): Promise<ScheduleAnswer> {
  const { onConflict, commandId } = scheduleOptionsOf(options);
  admit(refuseCommandId(commandId));
  const message = messageOf(given);
  const post = presentFieldsOf(given);
  return tracePosting(message, () => {
    message.traceparent = presentTrace();
    const posted = { ...message, ...burstsOf(client).fetchedAs(post.topic, message) };
    return scheduled(client, post, posted, { onConflict, commandId, occurrence, starting });
  });
}

// Of each client: a process has one for all its posts.
const counters = new WeakMap<Client, BurstCounter>();
function burstsOf(client: Client): BurstCounter {
  const counter = counters.get(client) ?? createBurstCounter();
  counters.set(client, counter);
  return counter;
}

// Each attempt is a race lost to another caller or to the message's own end. A loop without an end could hide a fault
// of the server.
const ATTEMPTS = 20;

// The result for a message that stays as it is.
const LEFT_ALONE = { keep: 'kept', reject: 'rejected' } as const;

async function scheduled<Schema extends z.ZodType>(
  client: Client,
  post: Post<Schema>,
  first: ScheduledMessage,
  { onConflict, commandId, occurrence, starting }: Required<ScheduleOptions & GoesOn> & Eagerly,
): Promise<ScheduleAnswer> {
  let message = withOccurrence(first, occurrence);
  // If the producer names no cycle, the ledger finds out by this id whether the cycle is free for this post.
  if (post.cycle === undefined) message.postId = commandId;
  const workflowId = workflowIdOf(message);
  const answer = { result: 'scheduled' as const, workflowId, late: message.dueAt <= Date.now() };
  let over = post.cycle !== undefined;
  // Between describing the message and starting it, the other run may end or another may begin.
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const startDelay = startDelayOf(post.topic, message, Date.now());
    if (await startRun(client, message, { commandId, over, starting, startDelay })) return answer;
    const known = await describe(client, message);
    if (known?.scheduledBy === commandId) {
      admit(await refuseReuse(client, first, { namesCycle: post.cycle !== undefined }));
      return answer;
    }
    if (known?.state === 'waiting') {
      if (onConflict !== 'move') return { result: LEFT_ALONE[onConflict], workflowId };
      const moved = await move(client, message, {
        dueAt: message.dueAt,
        dueBefore2000: message.dueBefore2000,
        cycle: post.cycle,
        commandId,
      });
      if (moved.result !== 'tooLate' && moved.result !== 'notFound') return moved;
    } else if (known && post.cycle === undefined) {
      // If Temporal remembers the last cycle, this saves the ledger a detour at the due time. What Temporal has
      // forgotten, the ledger knows.
      message = withOccurrence({ ...message, cycle: (known.cycle ?? message.cycle) + 1 }, occurrence);
      over = true;
    }
  }
  throw new OvertakenError(`${workflowId} was neither free nor waiting in ${ATTEMPTS} attempts`);
}
