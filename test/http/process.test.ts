import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import pino from 'pino';
import { installation } from '../../app/installation';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { freePort } from '../../local/ports';
import { startWorkerProcess, type WorkerProcess } from '../../local/worker-process';
import { createApiKey } from '../../src/http/keys';
import { startHttp } from '../../src/http/start';
import { rfc3339 } from '../../src/message/due-time';
import { readConfig } from '../../src/process/config';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema);
let folder: string;
const running: WorkerProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postdate-http-'));
});
afterAll(async () => {
  await Promise.all(running.map((process) => process.stop()));
  await rm(folder, { recursive: true, force: true });
});

/** A program of ours as a process of its own, with the API on a port that it is told. */
async function start(program: { name: string; file: string; ready: string; inWorker?: string }) {
  const address = `127.0.0.1:${await freePort()}`;
  const [lines, logFile] = [[] as string[], join(folder, `${program.name}.log`)];
  const metrics = `127.0.0.1:${await freePort()}`;
  const ours = { POSTDATE_HTTP_ADDRESS: address, POSTDATE_METRICS_ADDRESS: metrics, POSTDATE_LOG_LEVEL: 'debug' };
  const asked = program.inWorker ? { POSTDATE_HTTP_IN_WORKER: program.inWorker } : {};
  const env = { ...temporal.envFor(database), ...ours, ...asked };
  const started = await startWorkerProcess({ env, logFile, program, log: (line) => void lines.push(line) });
  running.push(started);
  return { started, address, metrics, logged: () => readFile(logFile, 'utf8'), lines };
}

it.each([
  { name: 'http', file: 'app/http.ts', ready: 'http is listening' },
  { name: 'worker', file: 'app/main.ts', ready: 'worker is running', inWorker: 'serve' },
])(
  'the $name process serves the API, counts its answers, ends with 0 at SIGTERM, and logs neither keys nor payloads',
  async (program) => {
    const { started, address, metrics, logged, lines } = await start(program);
    const get = async (path: string) => (await fetch(`http://${address}${path}`)).text();
    expect(await get('/healthz')).toBe('{"status":"ok"}');
    expect(await get('/readyz')).toBe('{"status":"ok"}');
    expect(await get('/docs')).toContain('<h2>Operations</h2>');
    expect(JSON.parse(await get('/openapi.json'))).toMatchObject({ openapi: '3.1.0' });

    const { key } = await createApiKey(database.pool, { tenant: 'acme', label: 'test' });
    const request = {
      tenant: 'acme',
      id: nanoid(),
      payer: 'secret-payer',
      payee: 'J',
      amount: '1.00',
      currency: 'EUR',
    };
    const expiresAt = rfc3339(Date.now() + 3_600_000);
    const answer = await fetch(`http://${address}/v1/payment-requests`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...request, expiresAt }),
    });
    expect(answer.status).toBe(201);
    const counted = 'postdate_http_answers_total{method="POST",route="/v1/payment-requests",status="201"} 1';
    // Counted when the answer is out.
    await eventually(async () => expect(await (await fetch(`http://${metrics}/metrics`)).text()).toContain(counted));

    process.kill(started.pid() as number, 'SIGTERM');
    await eventually(async () => expect(lines.join()).toContain(`${program.name} ended with 0`));
    const log = await logged();
    expect(log).toContain('"msg":"stopped"');
    for (const secret of [key, key.slice(20), 'secret-payer']) expect(log).not.toContain(secret);
  },
);

// Said when the head of a request has been read.
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

it('told to stop, it answers what is in progress, and cuts off what does not arrive', async () => {
  const config = readConfig({
    ...temporal.envFor(database),
    POSTDATE_HTTP_ADDRESS: '127.0.0.1:0',
    POSTDATE_SHUTDOWN_GRACE_SECONDS: '3',
  });
  const http = await startHttp(config, installation, pino({ level: 'silent' }));
  const { key } = await createApiKey(database.pool, { tenant: 'acme', label: 'test' });
  const [host, port] = http.address.split(':');
  const head = `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n`;
  const open = async (start: string) => {
    const socket = createConnection(Number(port), host);
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk;
    });
    socket.on('error', () => undefined);
    const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(said)));
    socket.write(start);
    return { socket, closed, said: () => said };
  };
  const [arriving, hanging] = [
    await open(`${head}Content-Length: 2\r\n\r\n{`),
    await open(`${head}Content-Length: 9\r\n\r\n`),
  ];
  try {
    for (const { said } of [arriving, hanging]) await eventually(async () => expect(said()).toBe(CONTINUE));
    http.stop();
    arriving.socket.write('}');
    expect(await arriving.closed).toContain('HTTP/1.1 400 ');
    expect(await hanging.closed).toBe(CONTINUE);
  } finally {
    for (const { socket } of [arriving, hanging]) socket.destroy();
    http.stop();
    await http.finished;
  }
});
