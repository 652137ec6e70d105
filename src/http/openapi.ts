import { z } from 'zod';
import { problem } from './answer-schemas';
import type { Route } from './route';
import { named } from './shapes';

// biome-ignore lint/suspicious/noExplicitAny: a JSON document
export type Json = any;

// The version of the API, not of the program. It rises when a request or an answer changes.
const VERSION = '1.0.0';

const refOf = (id: string) => `#/components/schemas/${id}`;

const DESCRIPTIONS: Record<number, string> = {
  200: 'Done, or as it was',
  201: 'There is a new one',
  202: 'Requested: no worker was there to decide, and the next one will',
  400: 'The request is wrong; code and field say where',
  401: 'The API key is missing or not valid',
  404: 'There is none, or none that this API key sees',
  409: 'It cannot be done as things are; the code says why',
  413: 'The body is too large',
  415: 'The body is not application/json',
  429: 'Too many requests; see Retry-After',
  503: 'Temporal or the database is away; see Retry-After',
};

const REFUSED = [400, 401, 404, 409, 413, 415, 429, 503];

/** The API as an OpenAPI 3.1 document. Its schemas are JSON Schema 2020-12, which is what zod writes. */
export function openApiOf(routes: Route[]): Json {
  const paths: Json = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path][route.method.toLowerCase()] = operationOf(route);
  }
  const { schemas: components } = z.toJSONSchema(named, { uri: refOf, io: 'input' }) as Json;
  return {
    openapi: '3.1.0',
    info: {
      title: 'Postdate',
      version: VERSION,
      description: 'Messages to the future. Instants are RFC 3339; problems are RFC 9457. See docs/http.md.',
    },
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(components).map(([id, schema]) => [id, plain(schema)])),
      responses: Object.fromEntries(REFUSED.map((status) => [status, responseOf(status, problem)])),
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'pd_…, made for one tenant' } },
    },
    security: [{ apiKey: [] }],
  };
}

function operationOf(route: Route): Json {
  const { operationId, summary, params, query, body, takesIdempotencyKey, answers, conflicts } = route;
  const parameters = [...parametersOf('path', params), ...parametersOf('query', query)];
  if (takesIdempotencyKey) {
    const description = 'The same one repeats a request whose answer was lost';
    const schema = { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' };
    parameters.push({ in: 'header', name: 'Idempotency-Key', required: false, description, schema });
  }
  const refused = [400, 401, 404, ...(conflicts ? [409] : []), ...(body ? [413, 415] : []), 429, 503];
  const responses = [
    ...Object.entries(answers).map(([status, schema]) => [status, responseOf(Number(status), schema)]),
    ...refused.map((status) => [status, { $ref: `#/components/responses/${status}` }]),
  ];
  return {
    operationId,
    summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body
      ? { requestBody: { required: true, content: { 'application/json': { schema: referenceTo(body) } } } }
      : {}),
    responses: Object.fromEntries(responses),
  };
}

function responseOf(status: number, schema: z.ZodType): Json {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  return { description: DESCRIPTIONS[status], content: { [type]: { schema: referenceTo(schema) } } };
}

function parametersOf(where: 'path' | 'query', schema: z.ZodType | undefined): Json[] {
  if (!schema) return [];
  const { properties, required = [] } = z.toJSONSchema(schema, { io: 'input' }) as Json;
  return Object.entries(properties as Json).map(([name, { description, ...rest }]: [string, Json]) => ({
    ...{ in: where, name, required: required.includes(name) },
    ...(description ? { description } : {}),
    schema: rest,
  }));
}

/** A named schema becomes a reference; a union lists its options. */
function referenceTo(schema: z.ZodType): Json {
  const id = named.get(schema)?.id;
  if (id) return { $ref: refOf(id) };
  if (schema instanceof z.ZodUnion) return { anyOf: schema.options.map((option) => referenceTo(option as z.ZodType)) };
  throw new Error('a schema of the API has no name');
}

const plain = ({ $schema, $id, id, ...schema }: Json): Json => schema;
