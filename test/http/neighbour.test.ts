import { createConnection, type Socket } from 'node:net';
import { nanoid } from 'nanoid';
import { types } from 'pg';
import { z } from 'zod';
import type { Application } from '../../src/http/application';
import { defineRoute, named, type OwnRoutes } from '../../src/http/application-routes';
import { rfc3339 } from '../../src/message/due-time';
import { inTransaction } from '../../src/platform/database/pool';
import { useDatabase } from '../support/database';
import { effectsSchema, effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { useHttp } from '../support/http';
import { useTemporal } from '../support/temporal';

// One tenant does its worst, and the other, which shares its address and its process, does what it does on a quiet day.

const temporal = useTemporal();
const database = useDatabase(effectsSchema);
// Routes of the installation: one runs what a test asks it to.
let asked = 'select 1';
const answers = { 200: z.unknown().register(named, { id: 'Asked' }) };
const routes: OwnRoutes = ({ pool }) => [
  defineRoute({
    method: 'GET',
    path: '/v1/asked',
    operationId: 'asked',
    summary: 'runs a statement',
    answers,
    run: async () => ({ status: 200, body: (await pool.query(asked)).rows.map((row) => JSON.stringify(row, written)) }),
  }),
];
const written = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value);
const installation: Application = { topics: [effectTopic()], consumers: [], schemas: [], routes };
const http = useHttp(temporal, database, installation, { POSTDATE_HTTP_CONNECTIONS: '100' });

const dueAt = rfc3339(Date.now() + 3_600_000);
const post = (tenant: string) => ({ topic: 'test.effect', tenant, key: nanoid(), dueAt, payload: { note: 'n' } });

/** A few requests of the neighbour, one after the other. */
async function neighbourRun(): Promise<unknown[]> {
  const seen: unknown[] = [];
  const key = http.keys.globex;
  for (let time = 0; time < 3; time += 1) {
    const message = post('globex');
    const path = `/v1/messages/test.effect/globex/${message.key}`;
    seen.push((await http.ask('POST', '/v1/messages', { key, body: message })).status);
    seen.push((await http.ask('POST', '/v1/messages', { key, body: message })).body.code);
    seen.push((await http.ask('GET', path, { key })).body.state);
    seen.push((await http.ask('GET', '/v1/messages?limit=1', { key })).status);
  }
  return seen;
}
const QUIET = Array.from({ length: 3 }, () => [201, 'rejected', 'waiting', 200]).flat();

/** The stranger's work, and how much of it has ended. */
function counted<Result>(work: Promise<Result>[]): { ended: () => number; all: Promise<Result[]> } {
  let ended = 0;
  for (const one of work) void one.then(() => (ended += 1));
  return { ended: () => ended, all: Promise.all(work) };
}

const sockets: Socket[] = [];
function connect(): Socket {
  const [host, port] = http.address.split(':');
  const socket = createConnection(Number(port), host);
  socket.on('error', () => undefined);
  socket.resume();
  sockets.push(socket);
  return socket;
}
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
const head = (line: string, more = '') =>
  `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${http.keys.acme}\r\n${more}\r\n`;

it('a quiet day (the control)', async () => {
  expect(await neighbourRun()).toEqual(QUIET);
});

it("an installation's route whose statements hang: the neighbour is done before them", async () => {
  asked = 'select pg_advisory_xact_lock(1)';
  let hanging = counted<unknown>([]);
  await inTransaction(database.pool, async (tx) => {
    await tx.query(asked);
    hanging = counted(Array.from({ length: 20 }, () => http.ask('GET', '/v1/asked')));
    const waiting = `select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted`;
    await eventually(async () => expect((await database.pool.query(waiting)).rows[0].n).toBeGreaterThan(4));
    expect(await neighbourRun()).toEqual(QUIET);
    expect(hanging.ended()).toBe(0);
  });
  expect(await hanging.all).toMatchObject(Array(20).fill({ status: 200 }));
});

it("an installation that reads PostgreSQL's types in its own way gets them so; the neighbour sees nothing of it", async () => {
  asked = 'select 7::int8 as n, true as t';
  const { BOOL, INT8, INT4, TEXT, TIMESTAMPTZ, JSONB } = types.builtins;
  const before = [BOOL, INT8, INT4, TEXT, TIMESTAMPTZ, JSONB].map((oid) => [oid, types.getTypeParser(oid)] as const);
  try {
    for (const [oid] of before) types.setTypeParser(oid, (text: string) => `odd ${text}`);
    types.setTypeParser(INT8, BigInt);
    expect((await http.ask('GET', '/v1/asked')).body).toEqual(['{"n":"7n","t":"odd t"}']);
    expect(await neighbourRun()).toEqual(QUIET);
  } finally {
    for (const [oid, parse] of before) types.setTypeParser(oid, parse);
  }
});

it('batches of 3 MB: the neighbour is done before them', async () => {
  const raw = `{"messages":[[${'1,'.repeat(1_500_000)}1]]}`;
  const batches = counted(Array.from({ length: 6 }, () => http.ask('POST', '/v1/messages:batch', { raw })));
  // One of them has been read by now, so all are here.
  await eventually(async () => expect(batches.ended()).toBeGreaterThan(0));
  expect(await neighbourRun()).toEqual(QUIET);
  expect(batches.ended()).toBeLessThan(6);
  for (const { status, body } of await batches.all) {
    expect(status).toBe(200);
    expect(body.answers).toMatchObject([{ status: 413, body: { code: 'bodyTooLarge' } }]);
  }
});

it('a batch of many messages: the neighbour, and its own small batch, are done before it', async () => {
  const batch = (tenant: 'acme' | 'globex', messages: number) =>
    http.ask('POST', '/v1/messages:batch', {
      key: http.keys[tenant],
      body: { messages: Array.from({ length: messages }, () => post(tenant)) },
    });
  const large = counted([batch('acme', 400)]);
  const small = await batch('globex', 5);
  expect(small.body.answers).toMatchObject(Array(5).fill({ status: 201 }));
  expect(large.ended()).toBe(0);
  expect(await neighbourRun()).toEqual(QUIET);
  const [{ body }] = (await large.all) as [Awaited<ReturnType<typeof batch>>];
  expect(body.answers).toMatchObject(Array(400).fill({ status: 201 }));
});

it('pipelined requests, by hundreds and by thousands: the neighbour is done before them', async () => {
  const socket = connect();
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk;
  });
  const answers = () => said.split('HTTP/1.1 ').length - 1;
  socket.write(head('GET /v1/messages/test.effect/acme/none').repeat(100));
  const flood = Array.from({ length: 5 }, connect);
  for (const one of flood) one.write(head('GET /v1/messages/test.effect/acme/none').repeat(5_000));
  await eventually(async () => expect(answers()).toBeGreaterThan(0));
  expect(await neighbourRun()).toEqual(QUIET);
  expect(answers()).toBeLessThan(100);
  await eventually(async () => expect(answers()).toBe(100));
  await eventually(async () => expect(flood.every(({ destroyed }) => destroyed)).toBe(true));
});

it('thousands of connections that say nothing, and uploads that do not end: the neighbour gets in', async () => {
  const upload = head('POST /v1/messages:batch', 'Content-Type: application/json\r\nContent-Length: 60000\r\n');
  for (let index = 0; index < 2_000; index += 1) {
    const socket = connect();
    if (index % 10 === 0) socket.write(`${upload}{`);
    if (index % 100 === 0) await new Promise(setImmediate);
  }
  expect(await neighbourRun()).toEqual(QUIET);
  // Not all of the others: what the system has not given to the server yet waits there.
  await eventually(async () => expect(sockets.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(500));
});

it('wrong keys by hundreds: the neighbour, which has asked before, is let in', async () => {
  const wrong = (index: number) => `pd_${String(index).padStart(16, '0')}_${'x'.repeat(43)}`;
  const asked = counted(
    // A connection each: most of them give way to others.
    Array.from({ length: 400 }, (_, index) =>
      http.ask('GET', '/v1/messages', { key: wrong(index) }).then(
        ({ status }) => status,
        () => 'closed',
      ),
    ),
  );
  expect(await neighbourRun()).toEqual(QUIET);
  const ends = new Set(await asked.all);
  expect([...ends].filter((end) => ![401, 429, 'closed'].includes(end))).toEqual([]);
  expect([...ends]).toEqual(expect.arrayContaining([401]));
});
