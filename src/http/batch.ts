import pMap from 'p-map';
import * as answers from './answer-schemas';
import { MAX_BATCH_BYTES } from './limits';
import { postOne } from './messages';
import { type Problem, problemOf } from './problems';
import * as requests from './request-schemas';
import { refused } from './responses';
import { type Answer, admitted, defineRoute, type Route, type RouteParts } from './route';

// Temporal's frontend handles so many at once. More would wait there, and delay single posts.
const AT_A_TIME = 20;

/**
 * Posts up to 1,000 messages. Each has its own answer, the one that it would have had as a single post. Calls `report`
 * for each 5xx.
 */
export const batchRoute = (parts: RouteParts, report: (error: unknown) => void): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/messages:batch',
    operationId: 'scheduleBatch',
    summary: 'Posts many messages, each for itself: a bad one holds up no other',
    takesIdempotencyKey: true,
    body: requests.batch,
    bodyBytes: MAX_BATCH_BYTES,
    costs: ({ messages }) => messages.length - 1,
    answers: { 200: answers.batchAnswer },
    async run({ caller, body, idempotencyKey }) {
      let outage: Problem | undefined;
      const answer = async (item: unknown, index: number): Promise<Answer> => {
        try {
          const post = admitted(requests.post, item);
          // Each further post would wait out the whole deadline for the same result.
          if (outage) return refused(outage);
          // A header's key has no space, so this key cannot collide with one.
          const itemKey = idempotencyKey === undefined ? undefined : `${idempotencyKey} ${index}`;
          const { status, body: said } = await postOne(parts, { caller, idempotencyKey: itemKey }, post);
          return { status, body: said };
        } catch (error) {
          const problem = problemOf(error);
          if (problem.status >= 500) report(error);
          if (problem.code === 'unavailable') outage = problem;
          return refused(problem);
        }
      };
      return { status: 200, body: { answers: await pMap(body.messages, answer, { concurrency: AT_A_TIME }) } };
    },
  });
