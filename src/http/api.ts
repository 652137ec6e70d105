import type { MetricMeter } from '@temporalio/common';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { errorFields } from '../platform/telemetry/log-errors';
import { inTraceOf } from '../platform/telemetry/tracing';
import { countAnswers } from './answer-metrics';
import { createAuthenticate } from './authenticate';
import { answerClientError } from './client-error';
import { docsPage } from './docs-page';
import { addHealth } from './health';
import { parseJson } from './json';
import { type Caller, EVERY_TENANT } from './keys';
import { ARRIVAL_TIMEOUT_MS, createRateLimit, MAX_BODY_BYTES } from './limits';
import { openApiOf } from './openapi';
import { operationsOf } from './operations';
import { ProblemError, type problem, problemOf } from './problems';
import { admitted, type OwnRoutes, type Route, type RouteParts } from './route';

export interface ApiParts extends RouteParts {
  log: Logger;
  /** The installation's own routes, beside Postdate's. */
  routes?: OwnRoutes;
  /** The rate of each API key; a burst may have twice as many. */
  requestsPerSecond: number;
  /** The rate of each address without a valid API key; a burst may have twice as many. */
  unauthorizedPerSecond: number;
  /**
   * The proxies, as addresses and networks, that may name their client in X-Forwarded-For. From any other sender the
   * header is ignored.
   */
  trustedProxies: string[];
  /** Counts answers. Without it nothing is counted. */
  meter?: MetricMeter;
}

/** The HTTP server, not yet listening. Every unsuccessful answer is a problem (RFC 9457). The log never has a body. */
export function createApi(parts: ApiParts): FastifyInstance {
  const { log } = parts;
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    trustProxy: parts.trustedProxies.length > 0 && parts.trustedProxies,
    requestTimeout: ARRIVAL_TIMEOUT_MS,
    // An id may have 255 bytes. The schemas refuse longer ones.
    routerOptions: { maxParamLength: 1_000 },
    clientErrorHandler: answerClientError,
    // Requests that still arrive while the server closes are answered like all others.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => fail(error, request, reply),
  });
  const rate = createRateLimit(parts.requestsPerSecond);
  const authenticate = createAuthenticate(parts.pool, parts);
  // Before the routes: a fastify hook applies only to the routes added after it.
  if (parts.meter) countAnswers(app, parts.meter);

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
      // fastify writes a parameter as `:name`, and a plain colon as `::`.
      url: route.path.replaceAll(':', '::').replaceAll(/\{(\w+)\}/g, ':$1'),
      bodyLimit: route.bodyBytes,
      // Before fastify reads the body.
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
        // The route's cost beyond one token is charged now. The caller's next request waits for it.
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

  // Not the whole error: an error of the database quotes the row, also in its message.
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
