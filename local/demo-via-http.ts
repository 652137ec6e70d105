import { join } from 'node:path';
import type { Pool } from 'pg';
import type { PaymentRequest, PaymentRequestRef } from '../app/payment-requests/rows';
import { createApiKey, revokeApiKey } from '../src/http/keys';
import { freePort } from './ports';
import { HTTP, startWorkerProcess } from './worker-process';

interface HttpOptions {
  pool: Pool;
  env: NodeJS.ProcessEnv;
  tenants: string[];
  dataFolder: string;
  log: (line: string) => void;
}

/** Starts the API as a process of its own, with a key for each tenant, and promises a service A that knows only these. */
export async function startViaHttp({ pool, env, tenants, dataFolder, log }: HttpOptions) {
  const address = `127.0.0.1:${await freePort()}`;
  const http = await startWorkerProcess({
    program: HTTP,
    env: { ...env, POSTDATE_HTTP_ADDRESS: address },
    logFile: join(dataFolder, 'http.log'),
    log,
  });
  const keys = new Map<string, { id: string; key: string }>();
  const stop = async () => {
    await http.stop();
    // Also in a database that the demo was given, and that outlives it.
    for (const { id } of keys.values()) await revokeApiKey(pool, id);
  };
  try {
    for (const tenant of new Set(tenants)) keys.set(tenant, await createApiKey(pool, { tenant, label: 'demo' }));
  } catch (error) {
    await stop();
    throw error;
  }
  log(`the HTTP API listens at http://${address} (pid ${http.pid()})`);
  const keyOf = (tenant: string) => keys.get(tenant)?.key;
  return { ...paymentRequestsOverHttp(`http://${address}`, keyOf), stop };
}

/** Service A as any language has it: one HTTP call for each change. Throws with the problem's code for what is refused. */
export function paymentRequestsOverHttp(url: string, keyOf: (tenant: string) => string | undefined) {
  const ask = async (method: string, { tenant, path }: { tenant: string; path: string }, body?: object) => {
    const response = await fetch(`${url}/v1/payment-requests${path}`, {
      method,
      headers: { authorization: `Bearer ${keyOf(tenant)}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const answer = (await response.json()) as { result?: string; code?: string; detail?: string };
    // The request was decided before, or its id was used for another one: answers like any other.
    if (answer.code === 'tooLate' || answer.code === 'differs') return { result: answer.code };
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer.code}: ${answer.detail}`);
    return { result: answer.result };
  };
  const at = ({ tenant, id }: PaymentRequestRef, step = '') => ({ tenant, path: `/${tenant}/${id}${step}` });
  const rfc3339 = (epochMs: number) => new Date(epochMs).toISOString();

  return {
    request: (request: PaymentRequest, expiresAt: number) =>
      ask('POST', { tenant: request.tenant, path: '' }, { ...request, expiresAt: rfc3339(expiresAt) }),
    pay: (ref: PaymentRequestRef) => ask('POST', at(ref, '/pay')),
    cancel: (ref: PaymentRequestRef) => ask('DELETE', at(ref)),
    extend: (ref: PaymentRequestRef, expiresAt: number) => ask('PATCH', at(ref), { expiresAt: rfc3339(expiresAt) }),
  };
}
