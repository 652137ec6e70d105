import {
  isGrpcServiceError,
  NamespaceNotFoundError,
  ServiceError,
  WorkflowContinuedAsNewError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { DatabaseError } from 'pg';
import { MessageError } from '../message/admission';
import { isDatabaseUnavailable } from '../platform/database/pool';
import { OvertakenError } from '../producing/overtaken-error';
import { refusalByWorkflow } from '../producing/refusal-by-workflow';

/** An error as `application/problem+json` (RFC 9457). `code` is stable, `field` names the offending field. */
export interface Problem extends Record<string, unknown> {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  field?: string;
}

// The codes that no MessageError has. A MessageError's own codes are all 400.
const PROBLEMS = {
  malformedJson: [400, 'The body is not JSON'],
  bodyTooDeep: [400, 'The body is nested too deeply'],
  duplicateName: [400, 'A name occurs twice in an object'],
  forbiddenName: [400, 'A name that no object may have'],
  unstorableText: [400, 'A text that cannot be stored'],
  unsafeNumber: [400, 'A number that cannot be stored exactly'],
  invalidBody: [400, 'The body does not have the expected shape'],
  unknownField: [400, 'There is no such field'],
  invalidField: [400, 'A field has an unusable value'],
  invalidCursor: [400, 'The cursor is not valid'],
  invalidIdempotencyKey: [400, 'The Idempotency-Key is unusable'],
  badRequest: [400, 'The request cannot be read'],
  unauthorized: [401, 'The API key is missing or not valid'],
  notFound: [404, 'There is no such thing'],
  requestTimeout: [408, 'The request did not arrive in time'],
  rejected: [409, 'A message of this name waits already'],
  tooLate: [409, 'It is decided already'],
  stale: [409, 'Another cycle waits'],
  differs: [409, 'It is there already, with another value'],
  overtaken: [409, 'It has been changed meanwhile'],
  unconfirmed: [409, 'The change is drastic and not confirmed'],
  idempotencyKeyReused: [409, 'The Idempotency-Key was used for another request'],
  bodyTooLarge: [413, 'The body is too large'],
  unsupportedMediaType: [415, 'The body must be application/json'],
  tooManyRequests: [429, 'Too many requests'],
  headersTooLarge: [431, 'The headers are too large'],
  internal: [500, 'An internal error'],
  unavailable: [503, 'Temporal or the database is away'],
} as const satisfies Record<string, [status: number, title: string]>;
export type ProblemCode = keyof typeof PROBLEMS;

/** A problem of this code. `more` may name a `field`, and has further fields that its reader can act on. */
export function problem(code: ProblemCode, detail: string, more: Record<string, unknown> = {}): Problem {
  const [status, title] = PROBLEMS[code];
  return { type: typeOf(code), title, status, code, detail, ...more };
}

const typeOf = (code: string) => `urn:postdate:problem:${code}`;

/** Thrown when a request cannot be answered with success. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;

  constructor(code: ProblemCode, detail: string, more?: Record<string, unknown>) {
    super(detail);
    this.problem = problem(code, detail, more);
  }
}

export const UNKNOWN_RESULT = 'The result is not known. Repeat the request with the same Idempotency-Key.';

export const noPath = () => new ProblemError('notFound', 'There is no such path.');

// Errors that fastify throws before a handler runs, by fastify's codes.
const FASTIFY: Record<string, ProblemCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'bodyTooLarge',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupportedMediaType',
};

/** The problem for anything that was thrown. Only a fault of Postdate, or of an application's route, is a 500. */
export function problemOf(thrown: unknown): Problem {
  try {
    return knownProblemOf(thrown) ?? problem('internal', 'It has been logged.');
  } catch {
    // A proxy, or a getter that throws.
    return problem('internal', 'It has been logged.');
  }
}

function knownProblemOf(error: unknown): Problem | undefined {
  if (error instanceof ProblemError) return error.problem;
  const refusal = error instanceof MessageError ? error : refusalByWorkflow(error);
  if (refusal) {
    const { code, field, message } = refusal;
    return { type: typeOf(code), title: 'The message is not let in', status: 400, code, detail: message, field };
  }
  if (error instanceof OvertakenError) {
    return problem('overtaken', 'Others changed the message meanwhile; ask again, with the same Idempotency-Key.');
  }
  if (isTemporalAway(error) || isDatabaseAway(error)) {
    return problem('unavailable', UNKNOWN_RESULT);
  }
  return error instanceof Error ? fastifysProblem(error) : undefined;
}

// Of the errors that the client's calls throw, these are about Temporal's own state: the request was checked before
// Temporal was asked. The two that say "not found" come from a start, or from a run that was seen a moment before.
const isTemporalAway = (error: unknown) =>
  error instanceof ServiceError ||
  error instanceof WorkflowUpdateFailedError ||
  error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
  error instanceof WorkflowNotFoundError ||
  error instanceof NamespaceNotFoundError ||
  error instanceof WorkflowContinuedAsNewError ||
  isGrpcServiceError(error);

// Also a statement that lost against others: a serialization failure, a deadlock, a lock or a transaction out of time.
const LOST_TO_OTHERS = /^(40001|40P01|55P03|25P03)$/;
const isDatabaseAway = (error: unknown) =>
  isDatabaseUnavailable(error) || (error instanceof DatabaseError && LOST_TO_OTHERS.test(error.code ?? ''));

/** An error that fastify throws about the request. Anybody may throw one with a `statusCode`; only fastify's words are told. */
function fastifysProblem(error: Error): Problem | undefined {
  const { code, statusCode = 500, message } = error as Error & { code?: unknown; statusCode?: number };
  if (typeof code !== 'string' || !code.startsWith('FST_ERR_') || !(statusCode >= 400 && statusCode < 500))
    return undefined;
  return problem(FASTIFY[code] ?? 'badRequest', message);
}
