import type { Pool } from 'pg';
import { type ForwardAnswer, recordAnswer } from '../events/answers/answer';
import * as answers from './answer-schemas';
import { mustSee } from './keys';
import { problem } from './problems';
import * as requests from './request-schemas';
import { refused } from './responses';
import { defineRoute, type Route } from './route';

/**
 * The route by which consumers answer forwarded messages. The first answer to a cycle stands, so it needs no
 * Idempotency-Key.
 */
export const answerRoute = ({ pool }: { pool: Pool }): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/messages/{topic}/{tenant}/{key}/answer',
    operationId: 'answer',
    summary: 'Answers a message of a forward topic: done, again at another time, or failed',
    params: requests.messageRef,
    body: requests.answer,
    conflicts: true,
    answers: { 200: answers.answered },
    async run({ caller, params, body: { cycle, ...answer } }) {
      mustSee(caller, params.tenant);
      // recordAnswer checks which field belongs to which answer.
      const said = await recordAnswer(pool, { ...params, cycle }, answer as ForwardAnswer);
      if (said.result !== 'tooLate') return { status: 200, body: said };
      return refused(problem('tooLate', 'It has been posted again since.', { cycle: said.cycle }));
    },
  });
