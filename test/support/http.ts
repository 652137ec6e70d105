import pino from 'pino';
import { createApiKey } from '../../src/http/keys';
import { type RunningHttp, startHttp } from '../../src/http/start';
import { readConfig } from '../../src/process/config';
import type { Installation } from '../../src/process/installation';
import type { TestDatabase } from './database';
import type { TestTemporal } from './temporal';

export interface Asked {
  body?: unknown;
  /** The body as it is sent, instead of `body` as JSON. */
  raw?: string | Uint8Array;
  /** Whose API key is sent; null for none. Default: the tenant `acme`'s. */
  key?: string | null;
  headers?: Record<string, string>;
}

export interface Answered {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON it answered
  body: any;
}

export interface TestHttp {
  address: string;
  /** API keys: of the tenants `acme` and `globex`, and an operator's. */
  keys: { acme: string; globex: string; operator: string };
  /** What the API has logged of requests that it could not answer: the reason of a 5xx. */
  errors: string[];
  ask(method: string, path: string, asked?: Asked): Promise<Answered>;
  stop(): Promise<void>;
}

/** The HTTP API in this process, on a free port, with its own connections to the two servers. */
export function useHttp(
  temporal: TestTemporal,
  database: TestDatabase,
  parts: Installation,
  env: NodeJS.ProcessEnv = {},
): TestHttp {
  let running: RunningHttp | undefined;
  const http = {
    errors: [] as string[],
    async ask(method, path, { body, raw, key = http.keys.acme, headers }: Asked = {}) {
      const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await fetch(`http://${http.address}${path}`, {
        method,
        body: sent,
        headers: {
          ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
          ...(key === null ? {} : { authorization: `Bearer ${key}` }),
          ...headers,
        },
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    },
    async stop() {
      running?.stop();
      await running?.finished;
    },
  } as TestHttp;

  beforeAll(async () => {
    const config = readConfig({ ...temporal.envFor(database), POSTDATE_HTTP_ADDRESS: '127.0.0.1:0', ...env });
    running = await startHttp(config, parts, pino({ level: 'error' }, { write: (line) => http.errors.push(line) }));
    http.address = running.address;
    const keyOf = async (tenant: string) => (await createApiKey(database.pool, { tenant, label: 'test' })).key;
    http.keys = { acme: await keyOf('acme'), globex: await keyOf('globex'), operator: await keyOf('*') };
  });
  afterAll(() => http.stop());
  return http;
}
