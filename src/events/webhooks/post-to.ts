import type { LookupAddress } from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';

/** A listener's response. */
export interface ListenerResponse {
  status: number;
  /** How long the listener asks for a pause (its Retry-After header), in ms. */
  retryAfterMs?: number;
  /** The parsed body, if it is JSON and within the size limit. */
  body?: unknown;
}

// An answer is a few words. A larger body must not fill our memory.
const MAX_BODY_BYTES = 64 * 1024;

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
  });
  const text = await readBody(response);
  return {
    status: response.statusCode as number,
    retryAfterMs: retryAfterMsOf(response.headers['retry-after'], Date.now()),
    body: text !== undefined && isJson(response) ? parseJson(text) : undefined,
  };
}

/** A `lookup` that returns the addresses that were resolved and checked before. */
const lookupIn =
  (addresses: string[]): LookupFunction =>
  (_hostname, { all }, callback) => {
    const found: LookupAddress[] = addresses.map((address) => ({ address, family: isIP(address) }));
    if (all) callback(null, found);
    else callback(null, found[0]?.address as string, found[0]?.family);
  };

/** The body as text, or undefined if it exceeds the limit. It reads no further than the limit. */
async function readBody(response: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    // Leaving the loop closes the connection.
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const isJson = ({ headers }: IncomingMessage) =>
  /^application\/([\w.-]+\+)?json\b/i.test(headers['content-type'] ?? '');

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The body claims to be JSON and is not. With a 2xx that counts as no body.
    return undefined;
  }
}

/** The ms that a Retry-After header asks for, as seconds or as a date. Undefined for any other value. */
export function retryAfterMsOf(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
  return ms > 0 ? ms : undefined;
}
