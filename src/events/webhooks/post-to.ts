import type { LookupAddress } from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { readBody } from './read-body';

/** A listener's response. */
export interface ListenerResponse {
  status: number;
  /** How long the listener asks for a pause (its Retry-After header), in ms. */
  retryAfterMs?: number;
  /** The parsed body of a 2xx, if it is JSON that means the same to every reader (see readBody). */
  body?: unknown;
}

/**
 * Posts to one of these addresses and to no other, even if the URL's name resolves differently by now. TLS still checks
 * the certificate of the name. A redirect is returned like any other response. Throws if there is no response, or if
 * `signal` aborts.
 */
export async function postTo(
  url: URL,
  { headers, body }: { headers: Record<string, string>; body: string },
  { addresses, ca, signal }: { addresses: string[]; ca?: string; signal: AbortSignal },
): Promise<ListenerResponse> {
  const { request } = url.protocol === 'https:' ? https : http;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    // Each request opens its own connection: a shared one might lead to addresses that were not checked for this URL.
    const posting = request(url, { method: 'POST', agent: false, lookup: lookupIn(addresses), ca, signal, headers });
    posting.once('response', resolve).on('error', reject).end(body);
    // Without an error where the listener wants to speak another protocol.
    posting.once('close', () => reject(new Error('the connection was closed without a response')));
  });
  const status = response.statusCode as number;
  const isSuccess = status >= 200 && status < 300;
  const read = isSuccess ? await readBody(response) : undefined;
  // The body of any other response says nothing that is asked for, and may have no end.
  if (!isSuccess) response.destroy();
  return { status, retryAfterMs: retryAfterMsOf(response.headers['retry-after'], Date.now()), body: read };
}

/** A `lookup` that returns the addresses that were resolved and checked before. */
const lookupIn =
  (addresses: string[]): LookupFunction =>
  (_hostname, { all }, callback) => {
    const found: LookupAddress[] = addresses.map((address) => ({ address, family: isIP(address) }));
    if (all) callback(null, found);
    else callback(null, found[0]?.address as string, found[0]?.family);
  };

/** The ms that a Retry-After header asks for, as seconds or as a date. Undefined for any other value. */
export function retryAfterMsOf(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
  return ms > 0 ? ms : undefined;
}
