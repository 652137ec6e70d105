import { createServer, type Server, type Socket } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import { nanoid } from 'nanoid';
import { z } from 'zod';
import { createApi } from '../../src/http/api';
import { defineRoute, named, type Route } from '../../src/http/application-routes';
import { createApiKey } from '../../src/http/keys';
import { rfc3339 } from '../../src/message/due-time';
import { createCallRetries } from '../../src/platform/temporal/call-retries';
import { withinDeadline, withRequestDeadline } from '../../src/producing/deadline';
import { useDatabase } from '../support/database';
import { effectTopic } from '../support/effects';
import { silentLog } from '../support/silent-log';

const database = useDatabase();
const sockets = new Set<Socket>();
const retries = createCallRetries();
let silent: Server;
let connection: Connection;
let address: string;
let key: string;
let app: ReturnType<typeof createApi>;

// An application's route that never ends.
const endless: Route = defineRoute({
  method: 'GET',
  path: '/v1/endless',
  operationId: 'endless',
  summary: 'never ends',
  answers: { 200: z.unknown().register(named, { id: 'Endless' }) },
  run: () => new Promise(() => undefined),
});

// A server in Temporal's place that takes connections, and says nothing.
beforeAll(async () => {
  silent = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
  const { port } = silent.address() as { port: number };
  connection = Connection.lazy({ address: `127.0.0.1:${port}`, interceptors: retries.interceptors });
  app = createApi({
    client: new Client({ connection }),
    pool: database.pool,
    topics: [effectTopic()],
    routes: () => [endless],
    log: silentLog,
    deadlineMs: 1_000,
    connections: 100,
    requestsPerSecond: 1_000,
    unauthorizedPerSecond: 10,
    trustedProxies: [],
    pageTokenKey: Buffer.alloc(32),
  });
  address = await app.listen({ host: '127.0.0.1', port: 0 });
  ({ key } = await createApiKey(database.pool, { tenant: 'acme', label: 'test' }));
});
afterAll(async () => {
  // Requests without a deadline would go on until their calls fail.
  const ended = retries.end();
  for (const socket of sockets) socket.destroy();
  app.server.closeAllConnections();
  await app.close();
  await ended;
  await connection.close();
  await new Promise((closed) => silent.close(closed));
});

const post = () => ({
  topic: 'test.effect',
  tenant: 'acme',
  key: nanoid(),
  dueAt: rfc3339(Date.now() + 3_600_000),
  payload: { note: 'n' },
});

/** The answer, or why there is none. */
const ask = (method: string, path: string, body?: object) =>
  fetchAnswer(method, path, body).catch((error: Error) => ({ status: 0, body: error.message }));

async function fetchAnswer(method: string, path: string, body?: object) {
  const response = await fetch(`${address}${path}`, {
    method,
    body: body && JSON.stringify(body),
    headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
  });
  // biome-ignore lint/suspicious/noExplicitAny: a JSON document
  return { status: response.status, body: (await response.json()) as any };
}

it('while Temporal takes calls and answers none, each operation answers 503 in the time that it has', async () => {
  // What the client's own deadline of ten seconds would reach.
  const tooLate = new Promise<string>((resolve) => setTimeout(() => resolve('too late'), 9_000).unref());
  const path = '/v1/messages/test.effect/acme/k';
  const asked = [
    ask('POST', '/v1/messages', post()),
    ask('POST', '/v1/messages', { ...post(), onConflict: 'move' }),
    ask('GET', path),
    ask('PATCH', path, { dueAt: post().dueAt }),
    ask('DELETE', path),
    ask('GET', '/v1/messages'),
    ask('GET', '/v1/endless'),
  ];
  const unavailable = { status: 503, body: { code: 'unavailable' } };
  for (const answer of asked) expect(await Promise.race([answer, tooLate])).toMatchObject(unavailable);
});

it('batches answer in that time as a whole, with 503 for each message', async () => {
  const tooLate = new Promise<string>((resolve) => setTimeout(() => resolve('too late'), 9_000).unref());
  const batch = () => ask('POST', '/v1/messages:batch', { messages: Array.from({ length: 100 }, post) });
  const all = Array.from({ length: 5 }, batch);
  for (const answer of all) {
    const said = await Promise.race([answer, tooLate]);
    expect(said).toMatchObject({ status: 200 });
    const { answers } = (said as Awaited<ReturnType<typeof batch>>).body;
    expect(answers.map(({ status }: { status: number }) => status)).toEqual(Array(100).fill(503));
  }
});

it('the calls of one request share its time, and a call of its own deadline may be shorter', async () => {
  const client = { withDeadline: (deadline: number, call: () => unknown) => [deadline, call()] } as unknown as Client;
  const at = async (deadlineMs?: number) =>
    ((await withinDeadline(client, async () => 0, deadlineMs)) as unknown as [number])[0] - Date.now();
  expect(await at()).toBeGreaterThan(5_000);
  await withRequestDeadline(1_000, async () => {
    expect(await at()).toBeLessThanOrEqual(1_000);
    expect(await at(100)).toBeLessThanOrEqual(100);
    await withRequestDeadline(0, async () => expect(await at()).toBeLessThanOrEqual(0));
  });
  expect(await at()).toBeGreaterThan(5_000);
});
