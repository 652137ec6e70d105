import fc from 'fast-check';
import { z } from 'zod';
import { type Answer, defineRoute, named, type Route } from '../../src/http/application-routes';
import { useDatabase } from '../support/database';
import { useHttp } from '../support/http';
import { anyOdd, ODD } from '../support/odd-values';
import { useTemporal } from '../support/temporal';

const RUNS = Math.ceil(Number(process.env.POSTDATE_FUZZ_RUNS ?? 600) / 10);

const odd = z.unknown().register(named, { id: 'Odd' });

// What the application's routes do at the next request. They run in this process.
let next: () => unknown = () => undefined;
const PLACES = ['run', 'run-later', 'schema', 'costs', 'answer', 'body', 'part', 'location', 'status'] as const;
type Place = (typeof PLACES)[number];

const route = (place: Place, parts: Partial<Route>): Route =>
  defineRoute({
    method: 'POST',
    path: `/v1/odd/${place}`,
    operationId: `odd-${place}`,
    summary: place,
    answers: { 200: odd },
    run: async () => ({ status: 200, body: { fine: true } }),
    ...parts,
  } as Route);

const throwing = () => {
  throw next();
};
const routes = (): Route[] => [
  route('run', { run: throwing }),
  route('run-later', { run: () => Promise.reject(next()) }),
  route('schema', { body: z.unknown().transform(throwing).register(named, { id: 'Thrown' }) }),
  route('costs', { costs: throwing }),
  route('answer', { run: async () => next() as Answer }),
  route('body', { run: async () => ({ status: 200, body: next() as object }) }),
  route('part', { run: async () => ({ status: 200, body: { part: next(), toJSON: next() } }) }),
  route('location', { run: async () => ({ status: 201, body: {}, location: next() as string }) }),
  route('status', { run: async () => ({ status: next() as number, body: {} }) }),
];

const temporal = useTemporal();
const database = useDatabase();
const http = useHttp(temporal, database, { topics: [], consumers: [], schemas: [], routes } as never, {
  POSTDATE_HTTP_REQUESTS_PER_SECOND: '1000000',
});

const ask = async (place: Place, make: () => unknown) => {
  next = make;
  return http.ask('POST', `/v1/odd/${place}`, { body: {} });
};
const internal = { status: 500, body: { code: 'internal', status: 500, detail: 'It has been logged.' } };
const THROWING: Place[] = ['run', 'run-later', 'schema', 'costs'];

it.each((['run', 'schema'] as const).flatMap((place) => Object.keys(ODD).map((name) => [place, name] as const)))(
  'in %s, %s is thrown: a 500 that tells nothing, which is logged',
  async (place, name) => {
    const logged = http.errors.length;
    expect(await ask(place, ODD[name] as () => unknown)).toMatchObject(internal);
    expect(http.errors).toHaveLength(logged + 1);
  },
);

it(`${RUNS} generated values are thrown or answered, and the API goes on`, async () => {
  let failed = 0;
  const property = fc.asyncProperty(fc.constantFrom(...PLACES), anyOdd, async (place, odd) => {
    const answer = await ask(place, odd.make);
    if (answer.status >= 500) failed += 1;
    if (THROWING.includes(place)) expect(answer).toMatchObject(internal);
    else if (answer.status >= 400)
      expect(answer.body).toMatchObject({ status: answer.status, code: expect.any(String) });
    expect((await ask('run', () => new Error('x'))).status).toBe(500);
  });
  await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
  // Often enough to mean something.
  expect(failed).toBeGreaterThan(RUNS / 4);
});

it('what names a status of its own is a fault all the same, and its words are not told', async () => {
  for (const statusCode of [200, 302, 404, 429]) {
    const foreign = Object.assign(new Error('secret'), { statusCode, code: 'E_SECRET' });
    const answer = await ask('run', () => foreign);
    expect(answer).toMatchObject(internal);
    expect(JSON.stringify(answer.body)).not.toContain('secret');
  }
});

it('a good answer is sent as it is, and a refused input is a 400 (the control)', async () => {
  const body = { fine: 'ü', list: [1] };
  expect(await ask('answer', () => ({ status: 201, body, location: '/v1/odd' }))).toMatchObject({ status: 201, body });
  expect(await ask('body', () => body)).toMatchObject({ status: 200, body });
  expect(await http.ask('POST', '/v1/odd/run', { raw: '{' })).toMatchObject({ status: 400 });
});
