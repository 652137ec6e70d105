import type { FastifyReply } from 'fastify';
import type { Problem } from './problems';
import type { Answer } from './route';

/** Sends a route's answer. Throws if it is none, which is then a fault of the route. */
export function sendAnswer(reply: FastifyReply, { status, body, location }: Answer): FastifyReply {
  if (!Number.isInteger(status) || status < 200 || status > 599) throw new Error('a route must answer with a status');
  // Now, because fastify's own error handling is not made for what a body's methods throw.
  const text = JSON.stringify(body);
  if (typeof text !== 'string') throw new Error('a route must answer with a body that is JSON');
  if (location !== undefined) {
    if (!/^[\x21-\x7e]+$/.test(location)) throw new Error('a location must be visible ASCII characters');
    reply.header('location', location);
  }
  return reply
    .code(status)
    .type(status >= 400 ? PROBLEM : 'application/json; charset=utf-8')
    .send(text);
}

const PROBLEM = 'application/problem+json';

/** Sends a problem with the headers that go with its status. */
export function sendProblem(reply: FastifyReply, { retryAfterSeconds, ...said }: Problem): FastifyReply {
  if (said.status === 401) reply.header('www-authenticate', 'Bearer');
  if (said.status === 429) reply.header('retry-after', String(retryAfterSeconds));
  if (said.status === 503) reply.header('retry-after', '5');
  return reply.code(said.status).type(PROBLEM).send(said);
}
