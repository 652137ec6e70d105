import pMap from 'p-map';
import { TOO_LARGE } from '../message/json-reader';
import { withRequestDeadline } from '../producing/deadline';
import * as answers from './answer-schemas';
import { createFairTurns } from './fair-turns';
import { MAX_BATCH_BYTES, MAX_BODY_BYTES } from './limits';
import { postOne } from './messages';
import { type Problem, ProblemError, problemOf } from './problems';
import * as requests from './request-schemas';
import { refused } from './responses';
import { type Answer, admitted, defineRoute, type Route, type RouteParts } from './route';

// Temporal's frontend handles so many at once. More would wait there, and delay single posts. All batches of a process
// share them, and tenants take turns.
const AT_A_TIME = 20;

/**
 * Posts up to 1,000 messages. Each has its own answer, the one that it would have had as a single post. Calls `report`
 * for each 5xx.
 */
export const batchRoute = (parts: RouteParts, report: (error: unknown) => void): Route => {
  const { inTurn } = createFairTurns(AT_A_TIME);
  // By `performance.now()`.
  const last: { answeredAt: number; unavailableAt: number; outage?: Problem } = { answeredAt: 0, unavailableAt: 0 };
  return defineRoute({
    method: 'POST',
    path: '/v1/messages:batch',
    operationId: 'scheduleBatch',
    summary: 'Posts many messages, each for itself: a bad one holds up no other',
    takesIdempotencyKey: true,
    body: requests.batch,
    bodyBytes: MAX_BATCH_BYTES,
    itemCharacters: MAX_BODY_BYTES,
    hasOwnDeadline: true,
    costs: ({ messages }) => messages.length - 1,
    answers: { 200: answers.batchAnswer },
    async run({ caller, body, idempotencyKey }) {
      let outage: Problem | undefined;

      async function post(item: unknown, index: number): Promise<Answer> {
        if (item === TOO_LARGE) throw new ProblemError('bodyTooLarge', 'A message may have 64 KB.');
        const wanted = admitted(requests.post, item);
        if (outage) return refused(outage);
        // A header's key has no space, so this key cannot collide with one.
        const itemKey = idempotencyKey === undefined ? undefined : `${idempotencyKey} ${index}`;
        const from = { caller, idempotencyKey: itemKey };
        const { status, body: said } = await withRequestDeadline(parts.deadlineMs, () => postOne(parts, from, wanted));
        last.answeredAt = performance.now();
        return { status, body: said };
      }

      const answer = async (item: unknown, index: number): Promise<Answer> => {
        const askedAt = performance.now();
        return inTurn(caller.tenant, async () => {
          try {
            // Each further post would wait out the whole deadline for the same result, also one of another batch.
            if (last.unavailableAt > askedAt && last.answeredAt < askedAt) outage ??= last.outage;
            return await post(item, index);
          } catch (error) {
            const problem = problemOf(error);
            if (problem.status >= 500) report(error);
            if (problem.code === 'unavailable') {
              outage = problem;
              Object.assign(last, { outage, unavailableAt: performance.now() });
            }
            return refused(problem);
          }
        });
      };
      return { status: 200, body: { answers: await pMap(body.messages, answer, { concurrency: AT_A_TIME }) } };
    },
  });
};
