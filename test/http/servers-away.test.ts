import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { nanoid } from 'nanoid';
import pino from 'pino';
import { installation } from '../../app/installation';
import { freePort } from '../../local/ports';
import { type RunningPostgres, startPostgres } from '../../local/postgres';
import { type RunningTemporal, startTemporal } from '../../local/temporal-server';
import { createApiKey } from '../../src/http/keys';
import { type RunningHttp, startHttp } from '../../src/http/start';
import { rfc3339 } from '../../src/message/due-time';
import { createPool } from '../../src/platform/database/pool';
import { readConfig } from '../../src/process/config';
import { effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { useFolder } from '../support/local-process';
import '../support/quiet-runtime';

let temporal: RunningTemporal | undefined;
let postgres: RunningPostgres | undefined;
let http: RunningHttp | undefined;
afterAll(async () => {
  http?.stop();
  await http?.finished;
  await temporal?.stop();
  await postgres?.stop();
});
// Registered after what ends the servers, so that their files are removed when nobody writes to them any more.
const folder = useFolder();

it('while Temporal or the database is away it answers 503 and when to come again, and afterwards as before', async () => {
  const temporalOptions = {
    executable: process.env.POSTDATE_TEST_TEMPORAL_CLI as string,
    dbFile: join(folder.path, 'temporal.db'),
  };
  const postgresOptions = { dataFolder: join(folder.path, 'postgres'), port: await freePort(), durable: false };
  temporal = await startTemporal(temporalOptions);
  postgres = await startPostgres(postgresOptions);
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const config = readConfig({
    DATABASE_URL: postgres.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: 'default',
    POSTDATE_HTTP_ADDRESS: '127.0.0.1:0',
    // What is away is waited for.
    POSTDATE_HTTP_DEADLINE_SECONDS: '4',
  });
  http = await startHttp(config, { ...installation, topics: [effectTopic()], schemas: [] }, log);
  const { address } = http;
  const pool = createPool(postgres.url, { connections: 1, onError: () => undefined });
  const { key } = await createApiKey(pool, { tenant: 'acme', label: 'test' });
  await pool.end();

  const ask = async (path: string, body?: object, headers = {}) => {
    const response = await fetch(`http://${address}${path}`, {
      method: body ? 'POST' : 'GET',
      body: body && JSON.stringify(body),
      headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}), ...headers },
    });
    const answered = (await response.json()) as { answers: { status: number }[] };
    return { status: response.status, retryAfter: response.headers.get('retry-after'), body: answered };
  };
  const dueAt = rfc3339(Date.now() + 3_600_000);
  const post = (secret = 'n') => ({
    ...{ topic: 'test.effect', tenant: 'acme', key: nanoid(), dueAt },
    payload: { note: secret },
  });
  const unavailable = { status: 503, retryAfter: '5', body: { code: 'unavailable', status: 503 } };
  const scheduled = { status: 201 };
  // What it says may be a second old.
  const readyz = (answer: object) => eventually(async () => expect(await ask('/readyz')).toMatchObject(answer));
  const ready = () => readyz({ status: 200 });

  expect(await ask('/v1/messages', post())).toMatchObject(scheduled);
  await ready();

  await temporal.stop();
  const [interrupted, headers] = [post('secret-word'), { 'Idempotency-Key': nanoid() }];
  expect(await ask('/v1/messages', interrupted, headers)).toMatchObject(unavailable);
  expect(await ask('/v1/messages')).toMatchObject(unavailable);
  const batch = await ask('/v1/messages:batch', { messages: [...Array.from({ length: 50 }, () => post()), 7] });
  expect(batch.body.answers.map(({ status }) => status)).toEqual([...Array(50).fill(503), 400]);
  expect(await ask('/healthz')).toMatchObject({ status: 200 });
  await readyz({ status: 503, body: { temporal: 'away', database: 'ok' } });

  temporal = await startTemporal({ ...temporalOptions, preferredPort: Number(temporal.address.split(':')[1]) });
  await ready();
  expect(await ask('/v1/messages', interrupted, headers)).toMatchObject(scheduled);
  expect(await ask('/v1/messages', interrupted, headers)).toMatchObject(scheduled);

  await postgres.stop();
  expect(await ask('/v1/messages', post())).toMatchObject(unavailable);
  expect(await ask('/v1/payment-requests/acme/none')).toMatchObject(unavailable);
  expect(await ask('/healthz')).toMatchObject({ status: 200 });
  await readyz({ status: 503, body: { temporal: 'ok', database: 'away' } });
  postgres = await startPostgres(postgresOptions);
  await ready();
  expect(await ask('/v1/messages', post())).toMatchObject(scheduled);
  expect(await ask('/v1/messages', interrupted, headers)).toMatchObject(scheduled);

  // What went wrong is logged, and neither a key nor a payload with it.
  expect(lines.join('')).toContain('could not be answered');
  for (const secret of [key, 'secret-word']) expect(lines.join('')).not.toContain(secret);

  const connection = await Connection.connect({ address: temporal.address });
  await eventually(async () => {
    const { count } = await new Client({ connection }).workflow.count(`PostdateTopic = 'test.effect'`);
    expect(count).toBe(3);
  });
  await connection.close();
  http.stop();
  await http.finished;
  await expect(fetch(`http://${address}/healthz`)).rejects.toThrow();
}, 300_000);
