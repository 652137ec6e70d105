import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Pool } from 'pg';
import { networkOf } from './address';
import { type Caller, callerOf } from './keys';
import { createRateLimit } from './limits';
import { ProblemError } from './problems';

// How many addresses and keys are remembered; each takes some hundred bytes. A caller with more addresses than this
// starts with a fresh limit for the forgotten ones.
const REMEMBERED = 10_000;

/**
 * Finds the caller of a request. A request without a valid key gets 401, up to `unauthorizedPerSecond` a second and
 * address, in a burst twice as many. Further ones get 429, before the key is looked up. A key that was valid in this
 * process before is looked up in any case: other callers behind its address must not lock it out.
 */
export function createAuthenticate(
  pool: Pool,
  { unauthorizedPerSecond }: { unauthorizedPerSecond: number },
): (request: Pick<FastifyRequest, 'headers' | 'ip'>) => Promise<Caller> {
  const refusals = createRateLimit(unauthorizedPerSecond, { callers: REMEMBERED });
  // Digests, so that memory holds no keys.
  const validBefore = new Set<string>();

  function remember(digest: string): void {
    validBefore.delete(digest);
    validBefore.add(digest);
    if (validBefore.size > REMEMBERED) validBefore.delete(validBefore.values().next().value as string);
  }

  return async ({ headers, ip }) => {
    const [, key = ''] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    const network = networkOf(ip);
    const digest = createHash('sha256').update(key).digest('base64');
    const empty = validBefore.has(digest) ? undefined : refusals.take(network, 0);
    if (empty) throw new ProblemError('tooManyRequests', 'Too many without a valid API key. See Retry-After.', empty);
    const caller = await callerOf(pool, key);
    if (caller) {
      remember(digest);
      return caller;
    }
    validBefore.delete(digest);
    // Charged only now. Requests that arrive during the first look-up are charged to later requests of this address.
    refusals.take(network, 1);
    throw new ProblemError('unauthorized', 'Send one as Authorization: Bearer pd_…');
  };
}
