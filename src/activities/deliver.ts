import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Pool } from 'pg';
import { errorNames, type LedgerActivities } from '../contract';
import { land } from '../landing';
import type { Topic } from '../topic';

// Clocks of servers in one place differ by milliseconds, and waiting those out here is cheaper than a retry through
// the server. Anything longer goes back to Temporal: the slot is free meanwhile, and a stopping worker is not held up.
const WAIT_HERE_MS = 1_000;

/** The idempotent step: lands the message once, never before it is due by the database's clock. */
export function createDeliver({ pool, topic }: { pool: Pool; topic: Topic }): LedgerActivities['deliver'] {
  return async function deliver(input) {
    const context = Context.current();
    // Cancelled when the worker's grace time is over: the landing is given up and Temporal hands it to another worker.
    const landing = await land(pool, topic, input, context.cancellationSignal);
    if ('decision' in landing) return landing.decision;
    if (landing.notDueForMs <= WAIT_HERE_MS) {
      await context.sleep(landing.notDueForMs);
      return deliver(input);
    }
    throw ApplicationFailure.create({
      message: `the database's clock says it is not due for ${landing.notDueForMs} ms`,
      type: errorNames.notDue,
      nextRetryDelay: landing.notDueForMs,
    });
  };
}
