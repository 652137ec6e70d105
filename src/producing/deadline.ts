import type { Client } from '@temporalio/client';

// The SDK sets no deadline of its own: without one, a call to a server that is down never returns.
const DEADLINE_MS = 10_000;

/** Runs one call to Temporal with the client's deadline, or with its own. */
export const withinDeadline = <Result>(
  client: Client,
  call: () => Promise<Result>,
  deadlineMs = DEADLINE_MS,
): Promise<Result> => client.withDeadline(Date.now() + deadlineMs, call);
