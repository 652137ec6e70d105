import type { Client } from '@temporalio/client';
import { describeRecord } from '../run-records';

// If Temporal has answered nothing for so long, or so many calls in a row have failed, it may be away. When it returns,
// it executes all calls that are in flight at once, so no further ones are made.
const SILENCE_MS = 1_000;
const FAILURES_IN_A_ROW = 3;
const ASK_EVERY_MS = 1_000;
const DEADLINE_MS = 2_000;
// No message has such an id, and a look for one goes through the frontend to the store.
const NO_WORKFLOW = 'postdate-dispatcher-asks-for-an-answer';

/**
 * Finds out whether Temporal is away. Silence and failures are only a reason to ask: a call may be silent because a
 * worker of its topic does not answer, and may fail for the sake of its own message. Then Temporal itself answers.
 */
export function createTemporalCheck(client: Client, onError: (error: unknown) => void) {
  let failuresInARow = 0;
  let lastAnswerAt = performance.now();
  let askedAt = Number.NEGATIVE_INFINITY;

  const answered = () => {
    failuresInARow = 0;
    lastAnswerAt = performance.now();
  };
  const ask = async () => {
    askedAt = performance.now();
    try {
      await describeRecord(client, { workflowId: NO_WORKFLOW }, DEADLINE_MS);
      answered();
    } catch (error) {
      onError(error);
    }
  };
  const isDoubtful = (inFlight: number) =>
    failuresInARow >= FAILURES_IN_A_ROW || (inFlight > 0 && performance.now() - lastAnswerAt > SILENCE_MS);

  return {
    answered,
    failed: () => {
      failuresInARow += 1;
    },
    /** Whether further calls may be made beside those `inFlight`. Asks Temporal once a second at most. */
    async isThere(inFlight: number): Promise<boolean> {
      // No call was made, so nothing was to be heard.
      if (inFlight === 0) lastAnswerAt = performance.now();
      if (isDoubtful(inFlight) && performance.now() - askedAt > ASK_EVERY_MS) await ask();
      return !isDoubtful(inFlight);
    },
  };
}
