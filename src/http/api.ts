import type { MetricMeter } from '@temporalio/common';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { errorFields } from '../log-errors';
import { inTraceOf } from '../tracing';
import { createAuthenticate } from './authenticate';
import { docsPage } from './docs-page';
import { addHealth } from './health';
import { parseJson } from './json';
import { type Caller, EVERY_TENANT } from './keys';
import { ARRIVAL_TIMEOUT_MS, createRateLimit, MAX_BODY_BYTES } from './limits';
import { meterAnswers } from './metering';
import { openApiOf } from './openapi';
import { operationsOf } from './operations';
import { ProblemError, type problem, problemOf } from './problems';
import { admitted, type OwnRoutes, type Route, type RouteParts } from './route';
import { answerUnreadable } from './unreadable';

export interface ApiParts extends RouteParts {
  log: Logger;
  /** The installation's own. */
  routes?: OwnRoutes;
  /** What each API key may ask, twice that at once. */
  requestsPerSecond: number;
  /** What one address may ask without a valid API key, twice that at once. */
  unauthorizedPerSecond: number;
  /** Who may say for whom they ask, by X-Forwarded-For: addresses and networks. Of anybody else it counts for nothing. */
  trustedProxies: string[];
  /** Without it nothing is counted. */
  meter?: MetricMeter;
}

/** The HTTP server, not yet listening. Every answer that is no success is a problem, and none of them is logged with a body. */
export function createApi(parts: ApiParts): FastifyInstance {
  const { log } = parts;
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    trustProxy: parts.trustedProxies.length > 0 && parts.trustedProxies,
    requestTimeout: ARRIVAL_TIMEOUT_MS,
    // An id may have 255 bytes; what is longer is for the schemas to refuse.
    routerOptions: { maxParamLength: 1_000 },
    clientErrorHandler: answerUnreadable,
    // What still comes while it closes is answered like the rest.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => fail(error, request, reply),
  });
  const rate = createRateLimit(parts.requestsPerSecond);
  const authenticate = createAuthenticate(parts.pool, parts);
  // Before the routes: a hook is for those that come after it.
  if (parts.meter) meterAnswers(app, parts.meter);

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) =>
    body.length === 0 ? undefined : parseJson(body),
  );
  app.setErrorHandler(fail);
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, noPath().problem));

  function spend({ keyId }: Caller, tokens: number): void {
    const empty = rate.take(keyId, tokens);
    if (empty) throw new ProblemError('tooManyRequests', 'See Retry-After.', empty);
  }

  function add(route: Route): void {
    const callers = new WeakMap<FastifyRequest, Caller>();
    app.route({
      method: route.method,
      // fastify's own way to write a parameter, and a colon that begins none.
      url: route.path.replaceAll(':', '::').replaceAll(/\{(\w+)\}/g, ':$1'),
      bodyLimit: route.bodyBytes,
      // Before the body is read.
      async onRequest(request) {
        const caller = await authenticate(request);
        spend(caller, 1);
        if (route.operatorsOnly && caller.tenant !== EVERY_TENANT) throw noPath();
        callers.set(request, caller);
      },
      async handler(request, reply) {
        const caller = callers.get(request) as Caller;
        const admit = (schema: z.ZodType | undefined, given: unknown) =>
          schema && admitted(schema, given, route.fieldCodes);
        const body = admit(route.body, request.body);
        const input = {
          caller,
          params: admit(route.params, request.params),
          query: admit(route.query, request.query),
          body,
          idempotencyKey: route.takesIdempotencyKey ? idempotencyKeyOf(request) : undefined,
        };
        // What it costs beyond one is paid by whoever asks next.
        if (route.costs) rate.take(caller.keyId, route.costs(body));
        const answer = await inTraceOf(request.headers, () => route.run(input));
        if (answer.location) reply.header('location', answer.location);
        if (answer.status >= 400) reply.type('application/problem+json');
        return reply.code(answer.status).send(answer.body);
      },
    });
  }

  function fail(error: unknown, request: FastifyRequest, reply: FastifyReply) {
    const said = problemOf(error);
    if (said.status >= 500) report(error, request.routeOptions?.url);
    return sendProblem(reply, said);
  }

  // Not the whole error: the database's says what was in the row, also in its message.
  const report = (error: unknown, route?: string) =>
    log.error({ part: 'http', route, err: errorFields(error) }, 'could not be answered');

  const routes = operationsOf(parts, parts, (error) => report(error, '/v1/messages:batch'));
  for (const route of routes) add(route);
  addHealth(app, parts);
  const openApi = openApiOf(routes);
  app.get('/openapi.json', (_request, reply) => reply.send(openApi));
  app.get('/docs', (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .send(docsPage(openApi)),
  );
  return app;
}

const noPath = () => new ProblemError('notFound', 'There is no such path.');

function idempotencyKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined || (typeof key === 'string' && /^[\x21-\x7e]{1,255}$/.test(key))) return key;
  const field = 'Idempotency-Key';
  throw new ProblemError('invalidIdempotencyKey', 'must be 1 to 255 visible ASCII characters', { field });
}

function sendProblem(reply: FastifyReply, { retryAfterSeconds, ...said }: ReturnType<typeof problem>) {
  if (said.status === 401) reply.header('www-authenticate', 'Bearer');
  if (said.status === 429) reply.header('retry-after', String(retryAfterSeconds));
  if (said.status === 503) reply.header('retry-after', '5');
  return reply.code(said.status).type('application/problem+json').send(said);
}
