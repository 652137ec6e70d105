import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { nanoid } from 'nanoid';
import type { PoolClient } from 'pg';
import type { PostdateEvent } from '../../../src/events/outbox';
import { listDeliveries } from '../../../src/events/webhooks/list';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { emitTo, useWebhooks } from '../../support/webhooks';

const database = useDatabase();
const { listener, webhooks, add } = useWebhooks(database);

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that speaks no HTTP of its own: `respond` writes what it likes, once the request is there. */
async function startRaw(respond: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    let asked = '';
    socket.on('data', (chunk) => {
      const before = asked.includes('\r\n\r\n{');
      asked += chunk;
      if (!before && asked.includes('\r\n\r\n{')) respond(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Writes again and again, for as long as it is read. */
function forEver(socket: Socket, piece: string | Buffer): void {
  const timer = setInterval(() => socket.write(piece), 10);
  socket.on('close', () => clearInterval(timer));
}
const json =
  (body: string | Buffer, headers = '') =>
  (socket: Socket) => {
    const length = Buffer.byteLength(body);
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${headers}content-length: ${length}\r\n\r\n`);
    socket.end(body);
  };
const plain = (text: string) => (socket: Socket) => void socket.end(text);
const failed = (bytes: string) => Buffer.from(`{"do":"failed","reason":"${bytes}"}`, 'latin1');

interface Hostile {
  respond(socket: Socket): void;
  /** The state of the delivery after one try. */
  becomes: { state: 'delivered' | 'waiting'; status?: number; failure?: unknown };
  /** What is taken as its answer. */
  answer?: unknown;
  /** Of one whose response never ends: how long it is waited for. */
  withinMs?: number;
}
const delivered = { state: 'delivered', status: 200 } as const;
const refused = (status: number) =>
  ({ state: 'waiting', status, failure: expect.stringContaining(`${status}`) }) as const;
const unreachable = (failure: RegExp) => ({ state: 'waiting', failure: expect.stringMatching(failure) }) as const;

const HOSTILE: Record<string, Hostile> = {
  'an answer, the control': { respond: json('{"do":"done"}'), becomes: delivered, answer: { do: 'done' } },
  'an answer with a byte order mark': {
    respond: json('\ufeff{"do":"done"}'),
    becomes: delivered,
    answer: { do: 'done' },
  },
  'bytes that are no UTF-8': { respond: json(failed('\xff\xfe')), becomes: delivered },
  'UTF-16': { respond: json(Buffer.from('{"do":"done"}', 'utf16le')), becomes: delivered },
  'an answer full of quotes and colons': {
    respond: json('{"do" : "failed", "reason":\n":\\"a\\":, \\\\", "x":["y", ":", "\\\\", ":z"]}'),
    becomes: delivered,
    answer: { do: 'failed', reason: ':"a":, \\', x: ['y', ':', '\\', ':z'] },
  },
  'a name twice': { respond: json('{"do":"done","d\\u006f":"failed","reason":"x"}'), becomes: delivered },
  'a name twice, deep inside': { respond: json('{"do":"done","x":[{"a":1,"a":2}]}'), becomes: delivered },
  'no JSON': { respond: json('{"do":'), becomes: delivered },
  'JSON that is compressed': {
    respond: json(gzipSync('{"do":"done"}'), 'content-encoding: gzip\r\n'),
    becomes: delivered,
  },
  'JSON of 30,000 levels': { respond: json('['.repeat(30_000) + ']'.repeat(30_000)), becomes: delivered },
  'a prototype': {
    respond: json('{"__proto__":{"do":"done"}}'),
    becomes: delivered,
    answer: JSON.parse('{"__proto__":{"do":"done"}}'),
  },
  'HTML that says it is JSON': { respond: json('<html>'), becomes: delivered },
  'a body that never ends': {
    respond(socket) {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      forEver(socket, ' ');
    },
    becomes: unreachable(/no answer within/),
    withinMs: 1_500,
  },
  'an error whose body never ends': {
    respond(socket) {
      socket.write('HTTP/1.1 500 Oh\r\n\r\n');
      forEver(socket, 'x'.repeat(1_000));
    },
    becomes: refused(500),
  },
  'an error whose body is endless, and quick': {
    respond(socket) {
      socket.write('HTTP/1.1 404 No\r\n\r\n');
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536, 'x')));
        if (!socket.destroyed) socket.once('drain', more);
      };
      more();
    },
    becomes: refused(404),
  },
  'a redirect whose body never ends': {
    respond(socket) {
      socket.write('HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\n\r\n');
      forEver(socket, ' ');
    },
    becomes: refused(302),
  },
  'headers without an end': {
    respond(socket) {
      socket.write('HTTP/1.1 200 OK\r\n');
      forEver(socket, 'x-a: b\r\n');
    },
    becomes: unreachable(/no answer within|Header/i),
    withinMs: 1_500,
  },
  '10,000 headers': {
    respond: plain(`HTTP/1.1 200 OK\r\n${'x-a: b\r\n'.repeat(10_000)}\r\n`),
    becomes: unreachable(/Header overflow/i),
  },
  'a header of a megabyte': {
    respond: plain(`HTTP/1.1 200 OK\r\nx-a: ${'b'.repeat(1_000_000)}\r\n\r\n`),
    becomes: unreachable(/Header overflow/i),
  },
  'informational responses without an end': {
    respond: (socket) => forEver(socket, 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'),
    becomes: unreachable(/no answer within/),
    withinMs: 1_500,
  },
  'another protocol': {
    respond: plain('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
    becomes: unreachable(/closed without a response/),
  },
  'no HTTP': { respond: plain('\0\x01\x02 hello \r\n\r\n'), becomes: unreachable(/Parse Error/) },
  'a status that there is not': {
    respond: plain('HTTP/1.1 999 Huh\r\ncontent-length: 0\r\n\r\n'),
    becomes: refused(999),
  },
  'a status of no digits': { respond: plain('HTTP/1.1 xyz\r\n\r\n'), becomes: unreachable(/Parse Error/) },
  'no answer at all, and an end': {
    respond: (socket) => void socket.destroy(),
    becomes: unreachable(/hang up|ECONNRESET/),
  },
  'a body shorter than it says': {
    respond: plain('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"do":"done"}'),
    becomes: unreachable(/aborted/),
  },
  'chunks that are none': {
    respond: plain('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{"do":"done"}\r\n'),
    becomes: unreachable(/Parse Error|aborted/),
  },
  'two lengths': {
    respond: plain('HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 13\r\n\r\n{"do":"done"}'),
    becomes: unreachable(/Parse Error/),
  },
  'a pause of a thousand digits': {
    respond: plain(`HTTP/1.1 503 No\r\nretry-after: ${'9'.repeat(1_000)}\r\ncontent-length: 0\r\n\r\n`),
    becomes: refused(503),
  },
  'a pause that is no instant': {
    respond: plain('HTTP/1.1 503 No\r\nretry-after: -\xb2 tomorrow\r\ncontent-length: 0\r\n\r\n'),
    becomes: refused(503),
  },
};

it.each(Object.entries(HOSTILE))(
  'a listener that responds with %s costs itself one try, and delays no event of another tenant',
  async (_name, { respond, becomes, answer, withinMs = 30_000 }) => {
    const quiet = await listener();
    await add(quiet.url, { tenant: 'quiet' });
    const { id } = await add(await startRaw(respond), { tenant: 'hostile', answers: true });
    const answers: unknown[] = [];
    const worker = webhooks({
      answerWithinMs: withinMs,
      onAnswer: async (_tx: PoolClient, _event: PostdateEvent, body: unknown) => void answers.push(body),
    });
    const [eventId] = await emitTo(database.pool, [nanoid()], { tenant: 'hostile' });
    const [own] = await emitTo(database.pool, [nanoid()], { tenant: 'quiet' });
    worker.nudge();
    await eventually(async () => expect(quiet.sent.map(({ event }) => event.id)).toEqual([own]));
    await eventually(async () => {
      const [delivery] = await listDeliveries(database.pool, id, { limit: 10 });
      expect(delivery).toMatchObject({ eventId, ...becomes });
      expect(delivery?.tries).toBeGreaterThanOrEqual(1);
    });
    expect(answers).toEqual(answer === undefined ? [] : [answer]);
    expect(worker.errors).toEqual([]);
  },
);

it('a listener that is gone (410) is disabled, be its body without an end', async () => {
  const { id } = await add(
    await startRaw((socket) => {
      socket.write('HTTP/1.1 410 Gone\r\n\r\n');
      forEver(socket, ' ');
    }),
  );
  const worker = webhooks({ answerWithinMs: 30_000 });
  await emitTo(database.pool, [nanoid()]);
  worker.nudge();
  await eventually(async () => expect(worker.logged).toMatchObject([{ webhook: id }]));
});
