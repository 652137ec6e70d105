import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { installation } from '../../app/installation';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { list } from '../../src/client';
import { operationsOf } from '../../src/http/operations';
import { useDatabase } from '../support/database';
import { effectsSchema, effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { type Answered, useHttp } from '../support/http';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema, effectsSchema);
const parts = { ...installation, topics: [...installation.topics, effectTopic()] };
const http = useHttp(temporal, database, parts, { POSTDATE_HTTP_REQUESTS_PER_SECOND: '1000000' });

const routes = new Map(
  operationsOf({ client: {}, pool: {}, topics: [] } as never, installation).map((route) => [route.operationId, route]),
);
const RUNS = Number(process.env.POSTDATE_FUZZ_RUNS ?? 600);

// biome-ignore lint/suspicious/noExplicitAny: a JSON document
type Json = any;
const openApi: Json = JSON.parse(readFileSync(join(__dirname, '..', '..', 'docs', 'openapi.json'), 'utf8'));

/** What was never meant to be sent. */
const nasty: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, '', '\0', '\ud800', '__proto__', 'constructor', '..', -1, 0, 2 ** 31, 2 ** 53, 1e308),
  fc.constantFrom('0000-01-01T00:00:00Z', '0001-01-01T00:00:00+14:00', '9999-12-31T23:59:59Z', '2027-01-01T00:00:00'),
  fc.constantFrom<unknown>(
    { toString: 1 },
    [],
    {},
    'x'.repeat(300),
    'é'.repeat(70_000),
    "a' or '1",
    '%00',
    'P1D',
    '* * * * *',
  ),
  fc.string({ unit: 'binary' }),
  fc.jsonValue(),
  fc.integer({ min: 1, max: 100 }).map((depth) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)),
);

const soon = fc.integer({ min: -2e11, max: 2e11 }).map((ms) => new Date(Date.now() + ms).toISOString());
// What the document cannot say: which topics there are, whose messages, and few names, so that requests meet.
const name = fc.stringMatching(/^[A-Za-z0-9._-]{1,2}$/).map((text) => `k${text}`);
const KNOWN: Record<string, fc.Arbitrary<unknown>> = {
  topic: fc.constant('test.effect'),
  tenant: fc.constantFrom('acme', 'acme', 'acme', 'globex'),
  key: name,
  id: name,
  payload: fc.record({ note: fc.string({ unit: 'grapheme' }) }),
  amount: fc.constantFrom('1.00', '0.01', '12'),
  every: fc.constantFrom('P1D', 'P1M', 'P1Y'),
  cron: fc.constant('0 9 * * 1'),
  zone: fc.constantFrom('UTC', 'Europe/Amsterdam'),
};

/** Mostly what a schema of the document asks for. */
function anyOf(schema: Json, called = ''): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 30, arbitrary: KNOWN[called] ?? goodOf(schema) }, { weight: 1, arbitrary: nasty });
}

function goodOf(schema: Json): fc.Arbitrary<unknown> {
  if (schema.$ref) return anyOf(openApi.components.schemas[schema.$ref.split('/').at(-1)]);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.format === 'date-time') return soon;
  switch (schema.type) {
    case 'object': {
      const properties = Object.entries(schema.properties as Json).map(([key, value]) => [key, anyOf(value, key)]);
      const good = fc.record(Object.fromEntries(properties), { requiredKeys: schema.required ?? [] });
      const more = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1, maxKeys: 1 });
      return fc.oneof(
        { weight: 30, arbitrary: good },
        { weight: 1, arbitrary: fc.tuple(good, more).map(([one, other]) => ({ ...one, ...other })) },
        { weight: 1, arbitrary: fc.record(Object.fromEntries(properties), { requiredKeys: [] }) },
      );
    }
    case 'array':
      return fc.array(anyOf(schema.items), { minLength: schema.minItems ?? 0, maxLength: 5 });
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 5, 5) });
    case 'number':
      return fc.integer({ min: schema.minimum ?? 0, max: 1e9 });
    case 'string':
      return schema.pattern === '^[A-Z]{3}$'
        ? fc.constant('EUR')
        : fc.string({ unit: 'grapheme', minLength: 1, maxLength: 9 });
    default:
      return fc.jsonValue();
  }
}

interface Request {
  method: string;
  path: string;
  operationId: string;
  /** Those that the document has for it. */
  statuses: string[];
  text?: string;
  type: string;
  who: keyof typeof http.keys | 'nobody';
  idempotencyKey?: string;
}

// Of any text, also one with lone surrogates.
const percent = (value: unknown) => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return [...Buffer.from(text.slice(0, 2_000))].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
};

/** The text as JSON, at times cut, doubled, or with something else in its midst. */
const textOf = (body: unknown) => {
  const text = JSON.stringify(body) ?? '';
  return fc.oneof(
    { weight: 20, arbitrary: fc.constant(text) },
    { weight: 1, arbitrary: fc.nat(text.length).map((at) => text.slice(0, at)) },
    { weight: 1, arbitrary: fc.constant(text.replace(/^\{("\w+"):/, '{$1:1,$1:')) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(
          fc.nat(text.length),
          fc.oneof(fc.string(), fc.constantFrom('"__proto__":1,', '\\u0000', '\\ud800', '1e999')),
        )
        .map(([at, piece]) => text.slice(0, at) + piece + text.slice(at)),
    },
  );
};

const operations = Object.entries(openApi.paths as Json).flatMap(([path, methods]) =>
  Object.entries(methods as Json).map(([method, operation]) => ({ path, method, operation }) as Json),
);

function requestOf({ path, method, operation }: Json): fc.Arbitrary<Request> {
  const { operationId, parameters = [], requestBody } = operation;
  const of = (where: string) => parameters.filter((parameter: Json) => parameter.in === where);
  const inPath = fc.tuple(...of('path').map((parameter: Json) => anyOf(parameter.schema, parameter.name)));
  const inQuery = fc.record(
    Object.fromEntries(of('query').map((parameter: Json) => [parameter.name, anyOf(parameter.schema, parameter.name)])),
    { requiredKeys: [] },
  );
  const schema = requestBody?.content['application/json'].schema;
  const body = schema ? anyOf(schema).chain(textOf) : fc.constant(undefined);
  return fc
    .record({
      inPath,
      inQuery,
      text: body as fc.Arbitrary<string | undefined>,
      type: fc.oneof(
        { weight: 30, arbitrary: fc.constant('application/json') },
        { weight: 1, arbitrary: fc.constantFrom('text/plain', 'application/json; charset=utf-16', 'x') },
      ),
      who: fc.constantFrom<Request['who']>('acme', 'acme', 'acme', 'acme', 'acme', 'operator', 'globex', 'nobody'),
      idempotencyKey: fc.option(
        fc.oneof(fc.constantFrom('a', 'b'), fc.stringMatching(/^[\x21-\x7e]{3,9}$/), fc.constant('a b')),
        {
          nil: undefined,
          freq: 2,
        },
      ),
    })
    .map(({ inPath: values, inQuery: query, text, ...rest }) => {
      let index = -1;
      const filled = path.replaceAll(/\{\w+\}/g, () => percent(values[++index]));
      const search = Object.entries(query).map(([key, value]) => `${key}=${percent(value)}`);
      return {
        ...rest,
        operationId,
        statuses: Object.keys(operation.responses),
        method: method.toUpperCase(),
        path: `${filled}?${search.join('&')}`,
        text,
      };
    });
}

async function send({ method, path, text, type, who, idempotencyKey }: Request): Promise<Answered> {
  const headers = {
    ...(text === undefined ? {} : { 'content-type': type }),
    ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
  };
  return http.ask(method, path, { raw: text, key: who === 'nobody' ? null : http.keys[who], headers });
}

const MOST_ROUNDS = 5;
/** The statuses that too few answers had for the test to mean something. */
const rareIn = (seen: Map<number, number>) =>
  [200, 201, 400, 401, 404, 409].filter((status) => (seen.get(status) ?? 0) <= RUNS / 200);

it(`${RUNS} fuzzed requests: no 5xx, answers and problems as the document says, and nothing half-stored`, async () => {
  const seen = new Map<number, number>();
  const accepted = new Set<string>();
  const requests = new Set<string>();
  const note = ({ status, body }: Pick<Answered, 'status' | 'body'>) => {
    if (status === 201 && body.result === 'scheduled') accepted.add(body.workflowId);
  };
  await temporal.withWorker(database, parts, async () => {
    const property = fc.asyncProperty(fc.oneof(...operations.map(requestOf)), async (request) => {
      const answer = await send(request);
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
      expect({ ...answer, headers: undefined, ok: answer.status < 500 }).toMatchObject({ ok: true });
      expect(request.statuses).toContain(String(answer.status));
      if (answer.status < 400) routes.get(request.operationId)?.answers[answer.status]?.parse(answer.body);
      if (answer.status >= 400) {
        expect(answer.headers.get('content-type')).toContain('application/problem+json');
        expect(answer.body).toMatchObject({
          status: answer.status,
          code: expect.any(String),
          type: expect.any(String),
        });
      }
      note(answer);
      for (const item of answer.body.answers ?? []) {
        expect(item.status).toBeLessThan(500);
        note(item);
      }
      if (request.operationId === 'requestPayment' && answer.status === 201) {
        requests.add((answer.headers.get('location') as string).replace('/v1/payment-requests/', ''));
      }
    });
    // Chance makes an answer rare now and then: then there are as many requests again.
    for (let round = 1; round === 1 || (rareIn(seen).length > 0 && round <= MOST_ROUNDS); round += 1) {
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
    }

    const started = async (topic: string) => {
      const found = new Set<string>();
      for await (const { workflowId } of list(temporal.client, { topic })) found.add(workflowId);
      return [...found].sort();
    };
    await eventually(async () => expect(await started('test.effect')).toEqual([...accepted].sort()));
    const timers = [...requests].map((ref) => `postdate:payment-request.expiry:${ref.replace('/', ':')}`);
    await eventually(async () => expect(await started('payment-request.expiry')).toEqual(timers.sort()));
  });
  const column = async (text: string) => (await database.pool.query(text)).rows.map(({ it: value }) => value);
  expect(await column(`select tenant || '/' || id as it from payments.payment_request order by 1`)).toEqual(
    [...requests].sort(),
  );
  const told = `select aggregateid as it from postdate.outbox where type = 'payment-request.requested' order by 1`;
  expect(await column(told)).toEqual([...requests].sort());
  expect(await column('select idempotency_key as it from postdate.idempotency where answer is null')).toEqual([]);

  // It has been let in often enough to mean something.
  expect(rareIn(seen)).toEqual([]);
}, 3_600_000);
