import { isGrpcServiceError, ServiceError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { MessageError, type Refusal } from '../admission';
import { errorNames } from '../contract';
import { isDatabaseUnavailable } from '../database';
import { OvertakenError } from '../overtaken';

/** What went wrong, as `application/problem+json` (RFC 9457). `code` is stable, `field` names the offending field. */
export interface Problem extends Record<string, unknown> {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  field?: string;
}

// One line per code that no MessageError has; the field's own codes are all 400.
const PROBLEMS = {
  malformedJson: [400, 'The body is not JSON'],
  bodyTooDeep: [400, 'The body is nested too deeply'],
  duplicateName: [400, 'A name occurs twice in an object'],
  forbiddenName: [400, 'A name that no object may have'],
  unstorableText: [400, 'A text that cannot be stored'],
  unsafeNumber: [400, 'A number that would not stay the same'],
  invalidBody: [400, 'The body is of another shape'],
  unknownField: [400, 'There is no such field'],
  invalidField: [400, 'A field has an unusable value'],
  invalidCursor: [400, 'The cursor is none of ours'],
  invalidIdempotencyKey: [400, 'The Idempotency-Key is unusable'],
  badRequest: [400, 'The request cannot be read'],
  unauthorized: [401, 'The API key is missing or not valid'],
  notFound: [404, 'There is no such thing'],
  requestTimeout: [408, 'The request did not arrive in time'],
  rejected: [409, 'A message of this name waits already'],
  tooLate: [409, 'It is decided already'],
  stale: [409, 'Another cycle waits'],
  overtaken: [409, 'Somebody else has changed it meanwhile'],
  unconfirmed: [409, 'It is drastic, and nobody has confirmed it'],
  idempotencyKeyReused: [409, 'The Idempotency-Key was used for another request'],
  bodyTooLarge: [413, 'The body is too large'],
  unsupportedMediaType: [415, 'The body must be application/json'],
  tooManyRequests: [429, 'Too many requests'],
  headersTooLarge: [431, 'The headers are too large'],
  internal: [500, 'It failed for a reason of ours'],
  unavailable: [503, 'Temporal or the database is away'],
} as const satisfies Record<string, [status: number, title: string]>;
export type ProblemCode = keyof typeof PROBLEMS;

/** A problem of this code; `more` may name a `field`, and holds what else its reader can act on. */
export function problem(code: ProblemCode, detail: string, more: Record<string, unknown> = {}): Problem {
  const [status, title] = PROBLEMS[code];
  return { type: typeOf(code), title, status, code, detail, ...more };
}

const typeOf = (code: string) => `urn:postdate:problem:${code}`;

/** Thrown where a request cannot go on. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;

  constructor(code: ProblemCode, detail: string, more?: Record<string, unknown>) {
    super(detail);
    this.problem = problem(code, detail, more);
  }
}

// What fastify throws before a handler is asked, by its own codes.
const FASTIFY: Record<string, ProblemCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'bodyTooLarge',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupportedMediaType',
};

/** The problem that anything thrown is to whoever asked. Only a fault of ours is a 500. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  const refusal = error instanceof MessageError ? error : refusalOf(error);
  if (refusal) {
    const { code, field, message } = refusal;
    return { type: typeOf(code), title: 'The message is not let in', status: 400, code, detail: message, field };
  }
  if (error instanceof OvertakenError) {
    return problem('overtaken', 'Others changed the message meanwhile; ask again, with the same Idempotency-Key.');
  }
  if (isTemporalAway(error) || isDatabaseUnavailable(error)) {
    return problem('unavailable', 'Nothing definite can be said now; ask again, with the same Idempotency-Key.');
  }
  const { code = '', statusCode = 500, message } = error as { code?: string; statusCode?: number; message: string };
  if (statusCode >= 500) return problem('internal', 'It has been logged.');
  return problem(FASTIFY[code] ?? 'badRequest', message);
}

/** Of a workflow that found a command's input wrong, whose clock is a little behind ours. */
function refusalOf(error: unknown): Refusal | undefined {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure) || cause.type !== errorNames.invalidMessage) return undefined;
  return cause.details?.[0] as Refusal | undefined;
}

// The request itself was checked before Temporal was asked, so whatever Temporal says is about its own state.
const isTemporalAway = (error: unknown) =>
  error instanceof ServiceError || error instanceof WorkflowUpdateFailedError || isGrpcServiceError(error);
