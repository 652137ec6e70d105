import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { z } from 'zod';
import { FIELD_CODES, type RefusalCode } from '../admission';
import { OPTIONAL_REFUSALS } from '../optional-fields';
import type { Topic } from '../topic';
import type { Caller } from './keys';
import { ProblemError } from './problems';

/** What routes work with. */
export interface RouteParts {
  client: Client;
  pool: Pool;
  topics: Topic[];
}

/** What a request is answered; `location` is a path. */
export interface Answer {
  status: number;
  body: object;
  location?: string;
}

/** What a route is given of a request, after its schemas have let it in. */
export interface Input<Params, Query, Body> {
  caller: Caller;
  params: Params;
  query: Query;
  body: Body;
  idempotencyKey?: string;
}

/** One operation. Its schemas check what comes in, give the types, and are what OpenAPI says of it. */
export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** As OpenAPI writes it: `/v1/messages/{topic}`. */
  path: string;
  operationId: string;
  summary: string;
  params?: Params;
  query?: Query;
  body?: Body;
  /** The code for each of its own fields, where one is wrong in its form. Default: `invalidField`. */
  fieldCodes?: Record<string, string>;
  takesIdempotencyKey?: boolean;
  /** To other keys there is no such path. */
  operatorsOnly?: boolean;
  bodyBytes?: number;
  /** How many tokens of the rate limit it costs beside the request's one. */
  costs?(body: z.output<Body>): number;
  /** The schema of each answer that is not a problem, by status. */
  answers: Record<number, z.ZodType>;
  /** Whether it may answer 409, as things may be other than whoever asks believes. */
  conflicts?: boolean;
  run(input: Input<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<Answer>;
}

/** The operations that an installation has beside Postdate's. */
export type OwnRoutes = (parts: RouteParts) => Route[];

/** Declares a route; what it returns can be listed with routes of other schemas. */
export const defineRoute = <Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType>(
  route: Route<Params, Query, Body>,
): Route => route as unknown as Route;

// Wherever a field of this name is wrong in its form already: by the contract's codes, beside its own fields those of routes.
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

/** What a schema makes of an input. Throws a `ProblemError` that names the first field at fault, with its code. */
export function admitted<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  fieldCodes: Record<string, string> = {},
): z.output<Schema> {
  const parsed = schema.safeParse(input);
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
