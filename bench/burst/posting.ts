import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import { insertRequest, insertRequests, requestId, settleDatabase } from '../harness/application';
import { closedLoop } from '../harness/closed-loop';
import { type Percentiles, percentilesOf } from '../harness/lateness';
import { nowMs } from '../harness/open-loop';
import type { Message, Started } from './contender';

/** How the messages of an attempt come to a contender. */
export interface Posting {
  /** Undefined where nothing is posted to the contender. */
  perSecond?: number;
  /** From the first call to the last answer. */
  tookMs: number;
  /** When the producer had the answer to each message's post, in epoch ms. Only of posts in a window. */
  postedAt?: Map<string, number>;
  /** How long a post took. Only of posts in a window. */
  postMs?: Percentiles;
}

interface Wanted {
  pool: Pool;
  run: string;
  messages: number;
  dueAt: number;
  /** How many calls of posting ahead are under way at a time. */
  concurrency: number;
}

/** Posts all messages long before they are due, as fast as the contender takes them. Their rows are there first. */
export async function postAhead({ post, arm }: Started, wanted: Wanted, onRows: () => void): Promise<Posting> {
  const { pool, run, messages, dueAt, concurrency } = wanted;
  const ids = await insertRequests(pool, run, messages, new Date(dueAt));
  await settleDatabase(pool);
  onRows();
  await arm?.(dueAt);
  if (!post) return { tookMs: 0 };
  const startedAt = nowMs();
  const { perSecond } = await closedLoop({ count: messages, concurrency }, (index) =>
    post({ id: ids[index] as string, dueAt }),
  );
  return { perSecond, tookMs: nowMs() - startedAt };
}

/** When the post of each of so many messages belongs: evenly over the window, the last right before the due time. */
export function postTimes({ dueAt, windowMs, count }: { dueAt: number; windowMs: number; count: number }): number[] {
  return Array.from({ length: count }, (_, index) => dueAt - windowMs + (index * windowMs) / count);
}

/**
 * Posts all messages evenly over the window before they are due, whether the earlier posts have been answered or not. Each
 * row is committed right before the post of its message, as a producer does.
 */
export async function postInWindow(
  { post, arm }: Pick<Started, 'post' | 'arm'>,
  { pool, run, messages, dueAt, windowMs }: Omit<Wanted, 'concurrency'> & { windowMs: number },
): Promise<Posting> {
  await arm?.(dueAt);
  const postedAt = new Map<string, number>();
  const tookMs: number[] = [];
  const send = async (message: Message) => {
    const calledAt = nowMs();
    await insertRequest(pool, { ...message, run });
    await post?.(message);
    postedAt.set(message.id, nowMs());
    tookMs.push(nowMs() - calledAt);
  };
  const sending: Promise<void>[] = [];
  const failures: unknown[] = [];
  for (const [index, at] of postTimes({ dueAt, windowMs, count: messages }).entries()) {
    // A timer rings a millisecond early or late, which the next one makes up for.
    if (at > nowMs()) await pause(at - nowMs());
    sending.push(send({ id: requestId(run, index + 1), dueAt }).catch((error) => void failures.push(error)));
  }
  await Promise.all(sending);
  if (failures.length > 0) throw failures[0];
  const allMs = nowMs() - (dueAt - windowMs);
  return { perSecond: (messages * 1_000) / allMs, tookMs: allMs, postedAt, postMs: percentilesOf(tookMs) };
}

// Time enough for a message to be found and held before it is due.
export const LONG_BEFORE_MS = 3_000;

export interface PostedSoFarAhead {
  messages: number;
  latenessMs: Percentiles;
}

/** The lateness of messages that were posted `LONG_BEFORE_MS` or more before they were due, and of the others. */
export function byTimeOfPost(latenessMs: Map<string, number>, postedAt: Map<string, number>, dueAt: number) {
  const of = (isWanted: (id: string) => boolean): PostedSoFarAhead => {
    const samples = [...latenessMs].filter(([id]) => isWanted(id)).map(([, ms]) => ms);
    return { messages: samples.length, latenessMs: percentilesOf(samples) };
  };
  const isLongBefore = (id: string) => (postedAt.get(id) ?? Number.POSITIVE_INFINITY) <= dueAt - LONG_BEFORE_MS;
  return {
    longBeforeMs: LONG_BEFORE_MS,
    longBefore: of(isLongBefore),
    later: of((id) => !isLongBefore(id)),
    answeredAfterDue: [...postedAt.values()].filter((at) => at > dueAt).length,
  };
}
