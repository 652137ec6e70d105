import type { z } from 'zod';
import { cancel, describe, move, schedule } from '../client';
import { MessageError } from '../message/admission';
import type { MessageRef } from '../message/contract';
import { answerRoute } from './answer-route';
import * as answers from './answer-schemas';
import { once } from './idempotency';
import { type Caller, mustSee } from './keys';
import { listMessages } from './list';
import { problem } from './problems';
import * as requests from './request-schemas';
import { found, refused, responseTo } from './responses';
import { type Answer, defineRoute, type Route, type RouteParts } from './route';

/** Posts one message for a caller. Throws if the post is refused. */
export async function postOne(
  { client, pool, topics }: RouteParts,
  { caller, idempotencyKey }: { caller: Caller; idempotencyKey?: string },
  body: z.output<typeof requests.post>,
): Promise<Answer> {
  mustSee(caller, body.tenant);
  const topic = topics.find(({ name }) => name === body.topic);
  if (!topic) throw new MessageError({ code: 'unknownTopic', field: 'topic', message: 'is not installed here' });
  const { onConflict, ...post } = body;
  const repeatable = { caller, idempotencyKey, ref: body, asked: ['schedule', body] };
  return once(pool, repeatable, async (commandId) => {
    const answer = await schedule(client, { ...post, topic }, { onConflict, commandId });
    if (answer.result === 'rejected') {
      return refused(problem('rejected', 'Ask with onConflict keep or move, or wait for it to end.'));
    }
    return responseTo(answer, pathOf(body));
  });
}

/** The API's operations on messages. */
export function messageRoutes(parts: RouteParts): Route[] {
  const { client, pool } = parts;
  const known = { params: requests.messageRef, path: '/v1/messages/{topic}/{tenant}/{key}' } as const;
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/messages',
      operationId: 'schedule',
      summary: 'Posts a message to the future',
      takesIdempotencyKey: true,
      body: requests.post,
      conflicts: true,
      answers: { 201: answers.scheduled, 200: answers.kept.or(answers.moved), 202: answers.requested },
      run: (input) => postOne(parts, input, input.body),
    }),
    defineRoute({
      ...known,
      method: 'GET',
      operationId: 'describe',
      summary: 'What is known of a message, and how it ended',
      answers: { 200: answers.message },
      async run({ caller, params }) {
        mustSee(caller, params.tenant);
        return found(await describe(client, params));
      },
    }),
    defineRoute({
      ...known,
      method: 'PATCH',
      operationId: 'move',
      summary: 'Moves a message to another due time',
      takesIdempotencyKey: true,
      body: requests.move,
      conflicts: true,
      answers: { 200: answers.moved, 202: answers.requested },
      run({ caller, params, body, idempotencyKey }) {
        mustSee(caller, params.tenant);
        return once(pool, { caller, idempotencyKey, ref: params, asked: ['move', params, body] }, async (commandId) =>
          responseTo(await move(client, params, { ...body, commandId })),
        );
      },
    }),
    defineRoute({
      ...known,
      method: 'DELETE',
      operationId: 'cancel',
      summary: 'Cancels a message',
      takesIdempotencyKey: true,
      query: requests.cancelQuery,
      conflicts: true,
      answers: { 200: answers.cancelled, 202: answers.requested },
      run({ caller, params, query, idempotencyKey }) {
        mustSee(caller, params.tenant);
        return once(
          pool,
          { caller, idempotencyKey, ref: params, asked: ['cancel', params, query] },
          async (commandId) => responseTo(await cancel(client, params, { ...query, commandId })),
        );
      },
    }),
    answerRoute(parts),
    defineRoute({
      method: 'GET',
      path: '/v1/messages',
      operationId: 'list',
      summary: 'Lists messages; the list may be a second behind',
      query: requests.selection,
      answers: { 200: answers.messagePage },
      run: ({ caller, query }) => listMessages(parts, caller, query),
    }),
  ];
}

const pathOf = ({ topic, tenant, key }: MessageRef) => `/v1/messages/${topic}/${tenant}/${key}`;
