import type { IncomingMessage } from 'node:http';

// An answer is a few words. A larger body must not fill our memory.
const MAX_BODY_BYTES = 64 * 1024;
// An answer is flat. The value is passed on to code that may walk through it.
const MAX_DEPTH = 16;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads the JSON body of a listener's response. Undefined if it is none, is too large or too deep, is no UTF-8, or has a name
 * twice, which two readers would take differently. It reads no further than the limit. Throws if the response breaks off.
 */
export async function readBody(response: IncomingMessage): Promise<unknown> {
  const bytes = await readBytes(response);
  if (bytes === undefined || !isJson(response)) return undefined;
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    return countNames(value) === writtenNames(text) ? value : undefined;
  } catch {
    // The body claims to be JSON and is not. With a 2xx that counts as no body.
    return undefined;
  }
}

async function readBytes(response: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    // Leaving the loop closes the connection.
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const isJson = ({ headers }: IncomingMessage) =>
  /^application\/([\w.-]+\+)?json\b/i.test(headers['content-type'] ?? '');

const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g;

// In JSON only a name is followed by a colon. The parsed value has each name once.
const writtenNames = (json: string) => [...json.matchAll(STRING)].filter(([, colon]) => colon !== undefined).length;

function countNames(value: unknown, depth = 1): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > MAX_DEPTH) throw new Error('too deep');
  const within = Object.values(value).reduce((sum: number, one) => sum + countNames(one, depth + 1), 0);
  return within + (Array.isArray(value) ? 0 : Object.keys(value).length);
}
