import type { LookupAddress } from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';

/** What a listener said. */
export interface ListenerResponse {
  status: number;
  /** For how long it asks to be left alone. */
  retryAfterMs?: number;
  /** Its body, when that is JSON of a reasonable size. */
  body?: unknown;
}

// An answer is a few words; nobody may fill our memory.
const MAX_BODY_BYTES = 64 * 1024;

/**
 * Posts to one of these addresses and to no other, whatever the URL's name leads to meanwhile; TLS still wants the name's
 * certificate. Redirects are answers like any other. Throws when there is no answer, or when `signal` ends the wait.
 */
export async function postTo(
  url: URL,
  { headers, body }: { headers: Record<string, string>; body: string },
  { addresses, ca, signal }: { addresses: string[]; ca?: string; signal: AbortSignal },
): Promise<ListenerResponse> {
  const { request } = url.protocol === 'https:' ? https : http;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    // A connection of its own for each: no other request's addresses were checked for this one.
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

/** A `lookup` that answers what was looked up, and checked, before. */
const lookupIn =
  (addresses: string[]): LookupFunction =>
  (_hostname, { all }, callback) => {
    const found: LookupAddress[] = addresses.map((address) => ({ address, family: isIP(address) }));
    if (all) callback(null, found);
    else callback(null, found[0]?.address as string, found[0]?.family);
  };

/** The body; undefined if it is too long, of which no more than that is read. */
async function readBody(response: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    // Leaving the loop ends the connection.
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
    // It says that it is JSON and is not; for a listener's 2xx that is as good as no body.
    return undefined;
  }
}

/** Of a Retry-After: seconds, or a date. Anything else is none. */
export function retryAfterMsOf(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
  return ms > 0 ? ms : undefined;
}
