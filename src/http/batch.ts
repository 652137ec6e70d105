import { someAtATime } from '../some-at-a-time';
import { refused } from './answers';
import { MAX_BATCH_BYTES } from './limits';
import { postOne } from './messages';
import { type Problem, problemOf } from './problems';
import { type Answer, admitted, defineRoute, type Route, type RouteParts } from './route';
import * as schemas from './schemas';

// Temporal's frontend answers so many side by side; more would wait there, and keep single posts waiting.
const AT_A_TIME = 20;

/** Posts up to 1,000 messages with an answer for each, as if each had been posted by itself. `report`s what is a 5xx. */
export const batchRoute = (parts: RouteParts, report: (error: unknown) => void): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/messages:batch',
    operationId: 'scheduleBatch',
    summary: 'Posts many messages, each for itself: a bad one holds up no other',
    takesIdempotencyKey: true,
    body: schemas.batch,
    bodyBytes: MAX_BATCH_BYTES,
    costs: ({ messages }) => messages.length - 1,
    answers: { 200: schemas.batchAnswer },
    async run({ caller, body, idempotencyKey }) {
      const answers: Answer[] = [];
      let away: Problem | undefined;
      await someAtATime(body.messages.entries(), AT_A_TIME, async ([index, item]) => {
        try {
          const post = admitted(schemas.post, item);
          // Each would wait out the whole deadline to learn the same.
          if (away) {
            answers[index] = refused(away);
            return;
          }
          // No header has a space, so these are keys of the batch's own.
          const itemKey = idempotencyKey === undefined ? undefined : `${idempotencyKey} ${index}`;
          const { status, body: said } = await postOne(parts, { caller, idempotencyKey: itemKey }, post);
          answers[index] = { status, body: said };
        } catch (error) {
          const problem = problemOf(error);
          if (problem.status >= 500) report(error);
          if (problem.code === 'unavailable') away = problem;
          answers[index] = refused(problem);
        }
      });
      return { status: 200, body: { answers } };
    },
  });
