import type { IncomingMessage, RequestListener } from 'node:http';
import { type AddressInfo, createConnection, type Socket } from 'node:net';
import { createLimitedServer, type ServerLimits } from '../../src/http/server';
import { eventually } from '../support/eventually';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server with these limits, and connections to it. */
async function serve(
  listener: RequestListener,
  limits: ServerLimits,
  isAdmitted = (_request: IncomingMessage) => true,
) {
  const server = createLimitedServer(listener, limits, isAdmitted);
  closing.push(() => server.close().closeAllConnections());
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    open: () =>
      new Promise<number>((resolve, reject) =>
        server.getConnections((error, open) => (error ? reject(error) : resolve(open))),
      ),
    async connect(from = '127.0.0.1') {
      const socket = createConnection({ port, host: '127.0.0.1', localAddress: from });
      closing.push(() => socket.destroy());
      let said = '';
      let isClosed = false;
      socket.on('data', (chunk) => {
        said += chunk;
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        isClosed = true;
      });
      await new Promise((connected) => socket.once('connect', connected));
      return { socket, said: () => said, isClosed: () => isClosed };
    },
  };
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const answersTo = (said: string) => said.split('HTTP/1.1 200 OK').length - 1;
const fine: RequestListener = (request, response) => {
  request.resume();
  response.end(request.url);
};

it('of one connection one request is in work at a time, in order; requests of another come between', async () => {
  const order: string[] = [];
  let inWork = 0;
  const server = await serve(
    (request, response) => {
      const isPiped = request.url?.startsWith('/piped');
      if (isPiped) inWork += 1;
      expect(inWork).toBeLessThan(2);
      order.push(request.url as string);
      setTimeout(() => {
        if (isPiped) inWork -= 1;
        response.end('x');
      }, 20);
    },
    { connections: 10 },
  );
  const [piping, other] = [await server.connect(), await server.connect()];
  const paths = Array.from({ length: 20 }, (_, index) => `/piped/${index}`);
  piping.socket.write(paths.map(get).join(''));
  await eventually(async () => expect(order).not.toEqual([]));
  other.socket.write(get('/other'));
  await eventually(async () => expect(answersTo(piping.said())).toBe(20));
  expect(order.filter((path) => path !== '/other')).toEqual(paths);
  expect(order.indexOf('/other')).toBeGreaterThan(0);
  expect(order.indexOf('/other')).toBeLessThan(15);
});

it('a connection with thousands of requests in one chunk is closed, and its requests are not worked on', async () => {
  let worked = 0;
  const server = await serve(
    (_request, response) => {
      worked += 1;
      setTimeout(() => response.end('x'), 50);
    },
    { connections: 10 },
  );
  const { socket, isClosed } = await server.connect();
  socket.write(get('/').repeat(5_000));
  await eventually(async () => expect(isClosed()).toBe(true));
  expect(worked).toBeLessThan(5);
  // A hundred are no flood (the control).
  const patient = await server.connect();
  patient.socket.write(get('/').repeat(100));
  await eventually(async () => expect(answersTo(patient.said())).toBe(100));
});

it('beyond so many connections the oldest that never asked is closed, of the address with the most', async () => {
  const server = await serve(fine, { connections: 10 });
  const neighbour = await server.connect('127.0.0.2');
  const own = await server.connect();
  own.socket.write(get('/'));
  await eventually(async () => expect(answersTo(own.said())).toBe(1));
  const flood: Awaited<ReturnType<typeof server.connect>>[] = [];
  for (let index = 0; index < 30; index += 1) flood.push(await server.connect());
  await eventually(async () => expect(flood.filter(({ isClosed }) => isClosed())).toHaveLength(22));
  expect(await server.open()).toBe(10);
  expect(flood.map(({ isClosed }) => isClosed()).lastIndexOf(true)).toBe(21);
  for (const { socket, isClosed } of [neighbour, own]) {
    expect(isClosed()).toBe(false);
    socket.write(get('/'));
  }
  await eventually(async () => expect([answersTo(neighbour.said()), answersTo(own.said())]).toEqual([1, 2]));
  const late = await server.connect();
  late.socket.write(get('/late'));
  await eventually(async () => expect(late.said()).toContain('/late'));
});

it('a request in work is not closed for another; with nothing to close, the newest connection is', async () => {
  const answers: (() => void)[] = [];
  const server = await serve((_request, response) => void answers.push(() => response.end('x')), { connections: 2 });
  const working = [await server.connect(), await server.connect()];
  for (const { socket } of working) socket.write(get('/'));
  await eventually(async () => expect(answers).toHaveLength(2));
  const third = await server.connect();
  await eventually(async () => expect(third.isClosed()).toBe(true));
  for (const answer of answers) answer();
  for (const { said } of working) await eventually(async () => expect(answersTo(said())).toBe(1));
  // An upload that does not arrive is no request in work: it gives way.
  const uploading = await server.connect();
  uploading.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1');
  await eventually(async () => expect(answers).toHaveLength(3));
  const another = await server.connect();
  await eventually(async () => expect(uploading.isClosed()).toBe(true));
  another.socket.write(get('/'));
  await eventually(async () => expect(answers).toHaveLength(4));
  for (const answer of answers) answer();
  await eventually(async () => expect(answersTo(another.said())).toBe(1));
});

it('a request that has shown no valid key gives way, too', async () => {
  const answers: (() => void)[] = [];
  const server = await serve(
    (request, response) => void answers.push(() => response.end(request.url)),
    { connections: 2 },
    ({ url }) => url === '/known',
  );
  const [known, unknown] = [await server.connect(), await server.connect()];
  known.socket.write(get('/known'));
  unknown.socket.write(get('/unknown'));
  await eventually(async () => expect(answers).toHaveLength(2));
  const third = await server.connect();
  await eventually(async () => expect(unknown.isClosed()).toBe(true));
  expect([known.isClosed(), third.isClosed()]).toEqual([false, false]);
  for (const answer of answers) answer();
  await eventually(async () => expect(known.said()).toContain('/known'));
});

/** Writes a byte now and then, for as long as it is let. */
function trickle(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.writable) socket.write(text[at % text.length] as string);
    at += 1;
  }, 50);
  closing.push(() => clearInterval(timer));
}

it('what does not arrive in time is answered 408 and closed: nothing, a head or a body in pieces', async () => {
  const server = await serve(fine, { connections: 10, arrivalTimeoutMs: 1_000 });
  const [silent, head, body] = [await server.connect(), await server.connect(), await server.connect()];
  trickle(head.socket, 'GET / HTTP/1.1\r\nX: '.padEnd(10_000, 'x'));
  body.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
  trickle(body.socket, 'x');
  for (const { said, isClosed } of [silent, head, body]) {
    await eventually(async () => expect(isClosed()).toBe(true));
    expect(said()).toContain('408');
  }
  // A connection that has had an answer may be idle for longer than a request may take (the control).
  const idle = await server.connect();
  idle.socket.write(get('/'));
  const after = await server.connect();
  await eventually(async () => expect(after.isClosed()).toBe(true));
  expect(idle.isClosed()).toBe(false);
});
