import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { inTraceOf } from '../platform/telemetry/tracing';
import { withRequestDeadline } from '../producing/deadline';
import { sendAnswer } from './answered';
import { answeredWithin } from './answered-within';
import { type Caller, EVERY_TENANT } from './keys';
import { MAX_BODY_BYTES } from './limits';
import { noPath, ProblemError } from './problems';
import { type Answer, admitted, type Route } from './route';

/** What serving a route takes. `fail` answers with the problem of anything that was thrown. */
export interface Serving {
  deadlineMs: number;
  authenticate(request: FastifyRequest, cost: number): Promise<Caller>;
  /** Charges a cost to an API key. Throws a `ProblemError` if it has none left. */
  spend(keyId: string, cost: number): void;
  fail(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply;
}

/** What is known of a request before its body is read: whose it is, and what it was charged. */
export interface Arrived {
  caller: Caller;
  cost: number;
}

/** Adds a route to the server. Notes in `arrivals` whose request it is, before the body is read. */
export function serveRoute(
  app: FastifyInstance,
  route: Route,
  { deadlineMs, authenticate, spend, fail }: Serving,
  arrivals: WeakMap<IncomingMessage, Arrived>,
): void {
  const bodyBytes = route.bodyBytes ?? MAX_BODY_BYTES;

  async function answer(request: FastifyRequest): Promise<Answer> {
    const { caller, cost } = arrivals.get(request.raw) as Arrived;
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
    // One token and the size of the body are paid already. The rest is refused before the work, and not after it.
    const rest = Number(route.costs?.(body) ?? 0) + 1 - cost;
    if (!Number.isFinite(rest)) throw new Error('the costs of a request must be a number');
    if (rest > 0) spend(caller.keyId, rest);
    const run = () => inTraceOf(request.headers, () => route.run(input));
    if (route.hasOwnDeadline) return run();
    return answeredWithin(2 * deadlineMs, () => withRequestDeadline(deadlineMs, run));
  }

  app.route({
    method: route.method,
    // fastify writes a parameter as `:name`, and a plain colon as `::`.
    url: route.path.replaceAll(':', '::').replaceAll(/\{(\w+)\}/g, ':$1'),
    bodyLimit: bodyBytes,
    config: { itemCharacters: route.itemCharacters },
    // Before fastify reads the body.
    async onRequest(request, reply) {
      try {
        const cost = costOfBody(request, bodyBytes);
        const caller = await authenticate(request, cost);
        if (route.operatorsOnly && caller.tenant !== EVERY_TENANT) throw noPath();
        arrivals.set(request.raw, { caller, cost });
      } catch (thrown) {
        return fail(thrown, request, reply);
      }
    },
    // Nothing that a route throws reaches fastify, which is made for errors only.
    async handler(request, reply) {
      try {
        return sendAnswer(reply, await answer(request));
      } catch (thrown) {
        return fail(thrown, request, reply);
      }
    },
  });
}

/** A token for each part of the body that is as large as one post. Without a length it may be as large as the route allows. */
function costOfBody({ headers }: FastifyRequest, bodyBytes: number): number {
  const unknown = headers['transfer-encoding'] === undefined ? 0 : bodyBytes;
  // A larger one is refused by its length.
  const bytes = Math.min(Number(headers['content-length'] ?? unknown) || 0, bodyBytes);
  return Math.max(1, Math.ceil(bytes / MAX_BODY_BYTES));
}

function idempotencyKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined || (typeof key === 'string' && /^[\x21-\x7e]{1,255}$/.test(key))) return key;
  const field = 'Idempotency-Key';
  throw new ProblemError('invalidIdempotencyKey', 'must be 1 to 255 visible ASCII characters', { field });
}
