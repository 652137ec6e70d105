import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Pool } from 'pg';
import { networkOf } from './address';
import { type Caller, callerOf } from './keys';
import { createRateLimit } from './limits';
import { ProblemError } from './problems';

// Some hundred bytes each. Whoever has more addresses than this has the first of them forgotten, and may begin anew.
const REMEMBERED = 10_000;

/**
 * Finds out who asks. Who shows no valid key is a 401, `unauthorizedPerSecond` times a second and address, twice that at
 * once; then a 429, before the key is looked up. A key that was valid here before is looked up all the same: others behind
 * its address must not be able to lock it out.
 */
export function createAuthenticate(
  pool: Pool,
  { unauthorizedPerSecond }: { unauthorizedPerSecond: number },
): (request: Pick<FastifyRequest, 'headers' | 'ip'>) => Promise<Caller> {
  const refusals = createRateLimit(unauthorizedPerSecond, { callers: REMEMBERED });
  // Digests, so that no key lies about in memory.
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
    // Only now: those that come at once while the first is looked up are paid for by whoever comes next.
    refusals.take(network, 1);
    throw new ProblemError('unauthorized', 'Send one as Authorization: Bearer pd_…');
  };
}
