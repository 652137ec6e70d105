import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { z } from 'zod';
import { OPTIONAL_REFUSALS } from '../message/contract-fields';
import { FIELD_CODES, type RefusalCode } from '../message/refusal';
import type { Topic } from '../topics/topic';
import type { Caller } from './keys';
import { ProblemError } from './problems';

/** What a route can use. */
export interface RouteParts {
  client: Client;
  pool: Pool;
  topics: Topic[];
  /** How long the calls to Temporal for one request, or for one message of a batch, may take together. */
  deadlineMs: number;
  /** Signs the page tokens of lists. */
  pageTokenKey: Buffer;
}

/** An HTTP response. `location` is a path. */
export interface Answer {
  status: number;
  body: object;
  location?: string;
}

/** A request, after the route's schemas have accepted it. */
export interface Input<Params, Query, Body> {
  caller: Caller;
  params: Params;
  query: Query;
  body: Body;
  idempotencyKey?: string;
}

/**
 * One operation of the API. Its schemas validate the request, give the types, and describe the operation in OpenAPI.
 */
export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** In OpenAPI's form: `/v1/messages/{topic}`. */
  path: string;
  operationId: string;
  summary: string;
  params?: Params;
  query?: Query;
  body?: Body;
  /** The error code for each malformed field of this route. Default: `invalidField`. */
  fieldCodes?: Record<string, string>;
  takesIdempotencyKey?: boolean;
  /** For a tenant's key this path does not exist: it gets 404. */
  operatorsOnly?: boolean;
  bodyBytes?: number;
  /** How many characters each item of a list in the body may have. A longer one is read as `TOO_LARGE`. */
  itemCharacters?: number;
  /** It sets the deadlines of its parts itself, by `withRequestDeadline`. */
  hasOwnDeadline?: boolean;
  /** The cost in tokens of the rate limit, beside one for the request itself. It may be paid already by the body's size. */
  costs?(body: z.output<Body>): number;
  /** The schema of each successful answer, by status. */
  answers: Record<number, z.ZodType>;
  /** Whether it may answer 409, because the present state differs from what the caller expects. */
  conflicts?: boolean;
  run(input: Input<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<Answer>;
}

/** The operations that an installation adds to Postdate's. */
export type OwnRoutes = (parts: RouteParts) => Route[];

/** Declares a route. Routes of different schemas can be in one list. */
export const defineRoute = <Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType>(
  route: Route<Params, Query, Body>,
): Route => route as unknown as Route;

// The code of a malformed field by its name: the contract's codes, and those of the routes' own fields.
const CODES: Partial<Record<string, RefusalCode>> = {
  ...FIELD_CODES,
  ...Object.fromEntries(Object.entries(OPTIONAL_REFUSALS).map(([field, { code }]) => [field, code])),
  expectedCycle: FIELD_CODES.cycle,
  dueFrom: FIELD_CODES.dueAt,
  dueTo: FIELD_CODES.dueAt,
  do: 'invalidAnswer',
  lane: 'invalidLane',
  mode: 'invalidLane',
  rules: 'invalidLaneRule',
  steps: 'invalidLaneRule',
  by: 'invalidLaneRule',
};

/** The input without the optional fields that are null: other languages write null for an absent one. */
function withoutNullOptionals(schema: z.ZodType, input: unknown): unknown {
  if (!(schema instanceof z.ZodObject) || typeof input !== 'object' || input === null) return input;
  const shape: Record<string, z.ZodType> = schema.shape;
  const present = ([name, value]: [string, unknown]): [string, unknown][] => {
    const field = Object.hasOwn(shape, name) ? shape[name] : undefined;
    const optional = field instanceof z.ZodOptional;
    if (optional && value === null) return [];
    return [[name, field ? withoutNullOptionals((optional ? field.unwrap() : field) as z.ZodType, value) : value]];
  };
  return Array.isArray(input) ? input : Object.fromEntries(Object.entries(input).flatMap(present));
}

/** Parses an input by a schema. Throws a `ProblemError` that names the first wrong field, with its code. */
export function admitted<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  fieldCodes: Record<string, string> = {},
): z.output<Schema> {
  const parsed = schema.safeParse(withoutNullOptionals(schema, input));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = (issue?.path ?? []).map(String);
  if (issue?.code === 'unrecognized_keys') {
    const field = [...path, issue.keys[0]].join('.').slice(0, 200);
    throw new ProblemError('unknownField', `${field}: there is no such field`, { field });
  }
  if (path.length === 0) throw new ProblemError('invalidBody', `body: ${issue?.message}`, { field: 'body' });
  const field = path.join('.');
  const [name] = path as [string];
  const code = fieldCodes[name] ?? CODES[name] ?? 'invalidField';
  throw new ProblemError('invalidField', `${field}: ${issue?.message}`, {
    field,
    code,
    type: `urn:postdate:problem:${code}`,
  });
}
