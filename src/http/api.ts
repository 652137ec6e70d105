import type { IncomingMessage } from 'node:http';
import type { MetricMeter } from '@temporalio/common';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { errorFields } from '../platform/telemetry/log-errors';
import { readThrown } from '../platform/telemetry/thrown';
import { countAnswers } from './answer-metrics';
import { sendProblem } from './answered';
import { createAuthenticate } from './authenticate';
import { answerClientError } from './client-error';
import { docsPage } from './docs-page';
import { addHealth } from './health';
import { createJsonParser } from './json';
import { createRateLimit, MAX_BODY_BYTES } from './limits';
import { openApiOf } from './openapi';
import { operationsOf } from './operations';
import { noPath, ProblemError, problem, problemOf } from './problems';
import type { OwnRoutes, RouteParts } from './route';
import { type Arrived, serveRoute } from './serve-route';
import { createLimitedServer, type ServerLimits } from './server';

export interface ApiParts extends RouteParts, ServerLimits {
  log: Logger;
  /** The installation's own routes, beside Postdate's. */
  routes?: OwnRoutes;
  /** The pool of those routes. Without it they share `pool`. */
  routesPool?: Pool;
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
  const arrivals = new WeakMap<IncomingMessage, Arrived>();
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    trustProxy: parts.trustedProxies.length > 0 && parts.trustedProxies,
    serverFactory: (listener) => createLimitedServer(listener, parts, (request) => arrivals.has(request)),
    forceCloseConnections: 'idle',
    // An id may have 255 bytes. The schemas refuse longer ones.
    routerOptions: { maxParamLength: 1_000 },
    clientErrorHandler: answerClientError,
    // Requests that still arrive while the server closes are answered like all others.
    return503OnClosing: false,
    frameworkErrors: fail,
  });
  const rate = createRateLimit(parts.requestsPerSecond);
  const spend = (keyId: string, cost: number): void => {
    const empty = rate.take(keyId, cost);
    if (empty) throw new ProblemError('tooManyRequests', 'See Retry-After.', { ...empty });
  };
  const authenticate = createAuthenticate(parts.pool, { ...parts, spend });
  const parseJson = createJsonParser();
  // Before the routes: a fastify hook applies only to the routes added after it.
  if (parts.meter) countAnswers(app, parts.meter);
  // Also before the body: a body to nowhere is not read.
  app.addHook('onRequest', async (request, reply) =>
    request.is404 ? sendProblem(reply, noPath().problem) : undefined,
  );

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    if (body.length === 0) return undefined;
    const { itemCharacters } = request.routeOptions.config as { itemCharacters?: number };
    return parseJson(body, { tenant: arrivals.get(request.raw)?.caller.tenant ?? '', itemCharacters });
  });
  app.setErrorHandler(fail);

  function fail(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    // No fault of ours, and there is no client to hear the answer.
    if (brokeOff(request.raw)) return sendProblem(reply, problem('badRequest', 'The request broke off.'));
    const said = problemOf(thrown);
    if (said.status >= 500) report(thrown, request.routeOptions?.url);
    return sendProblem(reply, said);
  }

  // Not the whole error: an error of the database quotes the row, also in its message.
  const report = (thrown: unknown, route?: string) =>
    log.error({ part: 'http', route, err: errorFields(readThrown(thrown)) }, 'could not be answered');

  const routes = operationsOf(parts, parts, (thrown) => report(thrown, '/v1/messages:batch'));
  for (const route of routes) serveRoute(app, route, { ...parts, authenticate, spend, fail }, arrivals);
  addHealth(app, parts);
  // Written once: they need no key, and each costs milliseconds.
  const openApi = openApiOf(routes);
  const [json, page] = [JSON.stringify(openApi), docsPage(openApi)];
  app.get('/openapi.json', (_request, reply) => reply.type('application/json; charset=utf-8').send(json));
  app.get('/docs', (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .send(page),
  );
  return app;
}

/** Whether the client has gone before its request had arrived as a whole. */
const brokeOff = ({ destroyed, complete }: IncomingMessage): boolean => destroyed && !complete;
