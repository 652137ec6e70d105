import { AsyncLocalStorage } from 'node:async_hooks';
import type { Client } from '@temporalio/client';

// The SDK sets no deadline of its own: without one, a call to a server that is down never returns.
const DEADLINE_MS = 10_000;

// By `performance.now()`: the clock of the machine may be set while a request is in work.
const requests = new AsyncLocalStorage<{ endsAt: number }>();

const remainingMs = (): number => {
  const request = requests.getStore();
  return request ? Math.max(0, request.endsAt - performance.now()) : Number.POSITIVE_INFINITY;
};

/** Runs `work`, whose calls to Temporal all end within `deadlineMs` from now. */
export const withRequestDeadline = <Result>(deadlineMs: number, work: () => Result): Result =>
  requests.run({ endsAt: performance.now() + deadlineMs }, work);

/**
 * How long a command waits for a worker's answer: ten seconds, or two thirds of what the request has left. The rest is
 * for the signal that is sent without an answer.
 */
export const answerDeadlineMs = (): number => Math.min(DEADLINE_MS, (remainingMs() * 2) / 3);

/** Runs one call to Temporal with the client's deadline, or with its own, but never past the request's. */
export const withinDeadline = <Result>(
  client: Client,
  call: () => Promise<Result>,
  deadlineMs = DEADLINE_MS,
): Promise<Result> => client.withDeadline(Date.now() + Math.min(deadlineMs, remainingMs()), call);
