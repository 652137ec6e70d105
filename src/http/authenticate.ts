import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Pool } from 'pg';
import { networkOf } from './address';
import { type Caller, callerOf } from './keys';
import { createLookUpLimit } from './look-up-limit';
import { ProblemError } from './problems';

// How many keys are remembered; each takes some hundred bytes.
const REMEMBERED = 10_000;

/**
 * Finds the caller of a request, and charges the request to the caller by `spend`. A request without a valid key gets
 * 401, up to `unauthorizedPerSecond` a second and address, in a burst twice as many. Further ones get 429, before the
 * key is looked up. A key that was valid in this process before is charged before it is looked up, and its address is
 * not: other callers behind its address must not lock it out.
 */
export function createAuthenticate(
  pool: Pool,
  { unauthorizedPerSecond, spend }: { unauthorizedPerSecond: number; spend(keyId: string, cost: number): void },
): (request: Pick<FastifyRequest, 'headers' | 'ip'>, cost: number) => Promise<Caller> {
  const lookUps = createLookUpLimit(unauthorizedPerSecond);
  // By digest, so that memory holds no keys.
  const validBefore = new Map<string, string>();

  function remember(digest: string, keyId: string): void {
    validBefore.delete(digest);
    validBefore.set(digest, keyId);
    if (validBefore.size > REMEMBERED) validBefore.delete(validBefore.keys().next().value as string);
  }

  return async ({ headers, ip }, cost) => {
    const [, key = ''] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    const network = networkOf(ip);
    const digest = createHash('sha256').update(key).digest('base64');
    const keyId = validBefore.get(digest);
    if (keyId !== undefined) spend(keyId, cost);
    const look = () => callerOf(pool, key);
    const caller = keyId === undefined ? await lookUps.charged(network, look) : await look();
    if (!caller) {
      // It has been revoked.
      if (validBefore.delete(digest)) lookUps.charge(network);
      throw new ProblemError('unauthorized', 'Send one as Authorization: Bearer pd_…');
    }
    if (keyId === undefined) spend(caller.keyId, cost);
    remember(digest, caller.keyId);
    return caller;
  };
}
