import { nanoid } from 'nanoid';
import { schedule } from '../../src/client';
import { readRoutingTable } from '../../src/delivery/lanes/routing-table';
import { createApiKey } from '../../src/http/keys';
import { countWaiting } from '../../src/producing/counts';
import { useDatabase } from '../support/database';
import { effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { useHttp } from '../support/http';
import { useLiveWorkers } from '../support/lanes';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase();
const liveWorker = useLiveWorkers(database);
const topics = ['test.effect', 'test.drastic', 'test.two', 'test.bad'].map((name) => ({ ...effectTopic(), name }));
const brief = { ...effectTopic(), name: 'test.brief', leadMs: 1_000 };
const http = useHttp(temporal, database, { topics: [...topics, brief], consumers: [], schemas: [] });
const reason = 'a trial';
beforeAll(async () => {
  await liveWorker({ lane: 'canary', topics: topics.map(({ name }) => name), build: '2.0.0' });
  const dueAt = Date.now() + 3_600_000;
  for (const tenant of ['acme', 'globex', 'globex', 'initech']) {
    for (const topic of topics.slice(0, 2)) {
      await schedule(temporal.client, {
        topic,
        tenant,
        key: nanoid().replace(/^-+/, 'k'),
        dueAt,
        payload: { note: 'n' },
      });
    }
  }
  await eventually(async () => expect(await countWaiting(temporal.client, {})).toBe(8));
});

/** As an operator. */
const ask = (method: string, path: string, body?: unknown) => http.ask(method, path, { body, key: http.keys.operator });
const routing = (topic: string) => readRoutingTable(database.pool, topic);

it('an operator tries, sets, ramps and stops a lane, and sees it with its history', async () => {
  const at = '/v1/lanes/test.effect/canary';
  const rules = [{ tenants: ['acme'] }];
  expect(await ask('POST', at, { rules, reason, dryRun: true })).toMatchObject({
    status: 200,
    body: {
      result: 'dryRun',
      version: 0,
      waiting: 4,
      caught: 1,
      tenants: [{ tenant: 'acme', waiting: 1 }],
      drastic: [],
    },
  });
  expect((await routing('test.effect')).version).toBe(0);
  const set = await ask('POST', at, { rules, reason, author: 'ann', limits: { errorRate: 0.1 } });
  expect(set).toMatchObject({ status: 200, body: { result: 'changed', caught: 1, waiting: 4, drastic: [] } });
  expect(await ask('POST', `${at}/ramp`, { steps: [5, 20], everySeconds: 60 })).toMatchObject({ status: 200 });
  expect(await ask('GET', '/v1/lanes?topic=test.effect')).toMatchObject({
    status: 200,
    body: {
      topics: [
        {
          topic: 'test.effect',
          lanes: [
            { lane: 'stable', mode: 'live' },
            {
              lane: 'canary',
              workers: 1,
              builds: ['2.0.0'],
              limits: { errorRate: 0.1 },
              ramp: { steps: [20], everySeconds: 60 },
            },
          ],
          rules: [{ match: { tenants: ['acme'] } }, { match: { percent: 5, by: 'tenant' } }],
          malformed: [],
        },
      ],
    },
  });
  expect(await ask('POST', `${at}/stop`, { reason: 'it is slow' })).toMatchObject({
    status: 200,
    body: { result: 'changed' },
  });
  const { body } = await ask('GET', `${at}/history`);
  expect(body.changes).toMatchObject([
    {
      what: 'stop',
      reason: 'it is slow',
      author: expect.stringMatching(/^API key [0-9a-f]{16}$/),
      after: { mode: 'stopped' },
    },
    { what: 'ramp', reason: 'by an operator', before: { rules: [{ match: { tenants: ['acme'] } }] } },
    // Whatever name was given: whose key it was stays beside it.
    { what: 'set', reason, author: expect.stringMatching(/^ann \(API key [0-9a-f]{16}\)$/), before: { mode: null } },
  ]);
  expect((await ask('GET', `${at}/history?limit=1`)).body.changes).toHaveLength(1);
  expect((await ask('GET', '/v1/lanes')).body.topics).toHaveLength(topics.length + 1);
});

it('what is drastic is 409 until it is confirmed, and says what it would do', async () => {
  const at = '/v1/lanes/test.drastic/canary';
  const body = { rules: [{ tenants: ['globex'] }], reason };
  expect(await ask('POST', at, body)).toMatchObject({
    status: 409,
    body: { code: 'unconfirmed', detail: 'canary would take 2 of 4 waiting messages.', caught: 2, version: 0 },
  });
  expect(await ask('POST', '/v1/lanes/test.drastic/v3', { ...body, rules: [{ tenants: ['acme'] }] })).toMatchObject({
    status: 409,
    body: { code: 'unconfirmed', drastic: [expect.stringContaining('no live worker serves v3')] },
  });
  expect((await routing('test.drastic')).version).toBe(0);
  expect(await ask('POST', at, { ...body, confirm: true, dryRun: true })).toMatchObject({ body: { result: 'dryRun' } });
  expect(await ask('POST', at, { ...body, confirm: true })).toMatchObject({ status: 200, body: { result: 'changed' } });
  expect((await routing('test.drastic')).rules).toHaveLength(1);
  expect(await ask('POST', `${at}/ramp`, { percent: 100 })).toMatchObject({
    status: 409,
    body: { code: 'unconfirmed' },
  });
  // Stopping never is.
  expect(await ask('POST', `${at}/stop`, {})).toMatchObject({ status: 200 });
});

it('of two operators who saw the same version one is told by whom it was overtaken, and nothing of it is done', async () => {
  const at = '/v1/lanes/test.two/canary';
  const other = await createApiKey(database.pool, { tenant: '*', label: 'bob' });
  expect(await ask('POST', at, { rules: [{ tenants: ['nobody'] }], reason })).toMatchObject({ status: 200 });
  const { version } = (await ask('GET', '/v1/lanes?topic=test.two')).body.topics[0];
  const answers = await Promise.all(
    [http.keys.operator, other.key].map((key, nth) =>
      http.ask('POST', at, {
        key,
        body: { rules: [{ tenants: [`t${nth}`] }], reason: `by ${nth}`, ifVersion: version },
      }),
    ),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  const winner = answers.findIndex(({ status }) => status === 200);
  expect(answers[1 - winner]?.body).toMatchObject({
    code: 'overtaken',
    version: answers[winner]?.body.version,
    by: { what: 'set', reason: `by ${winner}` },
  });
  expect((await routing('test.two')).rules.map(({ match }) => match)).toEqual([{ tenants: [`t${winner}`] }]);
  expect(await ask('POST', `${at}/stop`, { ifVersion: version })).toMatchObject({
    status: 409,
    body: { code: 'overtaken' },
  });
});

it("to a tenant's key there are no lanes, whatever it sends; without a key it is 401", async () => {
  const before = await routing('test.effect');
  for (const [method, path, body] of [
    ['GET', '/v1/lanes'],
    ['GET', '/v1/lanes/test.effect/canary/history'],
    ['POST', '/v1/lanes/test.effect/canary', { rules: [], reason }],
    ['POST', '/v1/lanes/test.effect/canary', { wrong: true }],
    ['POST', '/v1/lanes/test.effect/canary/ramp', { percent: 5 }],
    ['POST', '/v1/lanes/test.effect/canary/stop', {}],
  ] as const) {
    const none = await http.ask(method, path, { body });
    expect(none).toMatchObject({ status: 404, body: { code: 'notFound' } });
    // As any path that there is not.
    expect(none.body).toEqual((await http.ask(method, '/v1/nowhere', { body })).body);
    expect(await http.ask(method, path, { body, key: null })).toMatchObject({ status: 401 });
  }
  expect((await routing('test.effect')).version).toBe(before.version);
});

it.each<[string, string, string, unknown]>([
  ['unknownTopic', 'topic', 'nobody.knows/canary', { rules: [], reason }],
  ['invalidTopic', 'topic', 'a%20b/canary', { rules: [], reason }],
  ['invalidLane', 'topic', 'test.brief/canary', { rules: [], reason }],
  ['invalidLane', 'lane', 'test.bad/Canary', { rules: [], reason }],
  ['invalidLane', 'lane', `test.bad/${'c'.repeat(41)}`, { rules: [], reason }],
  ['invalidLane', 'lane', 'test.bad/stable', { mode: 'live', reason }],
  ['invalidLane', 'mode', 'test.bad/canary', { mode: 'stopped', reason }],
  ['invalidLane', 'lane', 'test.bad/nowhere/stop', {}],
  ['invalidLane', 'lane', 'test.bad/nowhere/ramp', { percent: 5 }],
  ['invalidField', 'reason', 'test.bad/canary', { rules: [] }],
  ['invalidReason', 'reason', 'test.bad/canary', { rules: [], reason: ' ' }],
  ['invalidReason', 'reason', 'test.bad/canary', { rules: [], reason: 'x'.repeat(501) }],
  ['invalidLabel', 'author', 'test.bad/canary', { rules: [], reason, author: 7 }],
  ['invalidLabel', 'author', 'test.bad/canary', { rules: [], reason, author: ' ' }],
  ['invalidLaneRule', 'rules', 'test.bad/canary', { reason }],
  ['invalidLaneRule', 'rules', 'test.bad/canary', { reason, rules: 'all' }],
  ['invalidLaneRule', 'rules', 'test.bad/canary', { reason, rules: Array(101).fill({ tenants: ['a'] }) }],
  ['invalidLaneRule', 'rules.0.tenants', 'test.bad/canary', { reason, rules: [{ tenants: [] }] }],
  ['invalidLaneRule', 'rules.0.attribute', 'test.bad/canary', { reason, rules: [{ attribute: '.', oneOf: [1] }] }],
  [
    'invalidLaneRule',
    'rules.1.percent',
    'test.bad/canary',
    { reason, rules: [{ tenants: ['a'] }, { percent: -1, by: 'key' }] },
  ],
  ['invalidLaneLimit', 'limits.errorRate', 'test.bad/canary', { reason, limits: { errorRate: 2 } }],
  ['invalidLaneLimit', 'limits', 'test.bad/canary', { reason, limits: 'many' }],
  ['invalidLaneRule', 'rules', 'test.bad/canary', { reason, limits: null }],
  ['invalidLaneRule', 'percent', 'test.bad/canary/ramp', {}],
  ['invalidLaneRule', 'percent', 'test.bad/canary/ramp', { percent: 'all' }],
  ['invalidLaneRule', 'steps', 'test.bad/canary/ramp', { steps: [5, 1], everySeconds: 60 }],
  ['invalidLaneRule', 'everySeconds', 'test.bad/canary/ramp', { steps: [1, 5], everySeconds: 'soon' }],
  ['unknownField', 'dryrun', 'test.bad/canary', { rules: [], reason, dryrun: true }],
  ['invalidField', 'ifVersion', 'test.bad/canary', { rules: [], reason, ifVersion: -1 }],
  ['invalidBody', 'body', 'test.bad/canary/stop', undefined],
])('%s at %s: %s', async (code, field, path, body) => {
  expect(await ask('POST', `/v1/lanes/${path}`, body)).toMatchObject({ status: 400, body: { code, field } });
  const { rows } = await database.pool.query(
    "select 1 from postdate.lane_version where topic in ('test.bad', 'test.brief', 'nobody.knows')",
  );
  expect(rows).toEqual([]);
});

it.each([
  ['unknownTopic', '/v1/lanes?topic=nobody.knows'],
  ['unknownTopic', '/v1/lanes/nobody.knows/canary/history'],
  ['invalidField', '/v1/lanes/test.effect/canary/history?limit=all'],
])('%s: GET %s', async (code, path) => {
  expect(await ask('GET', path)).toMatchObject({ status: 400, body: { code } });
});
