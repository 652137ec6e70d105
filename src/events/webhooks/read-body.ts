import type { IncomingMessage } from 'node:http';
import { type JsonLimits, readWholeJson } from '../../message/json-reader';

// An answer is a few words. A larger body must not fill our memory.
const MAX_BODY_BYTES = 64 * 1024;
// An answer is flat. The value is passed on to code that may walk through it. What it holds is checked where it is used.
const LIMITS: JsonLimits = { maxDepth: 16, refuses: ['duplicateName'] };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads the JSON body of a listener's response. Undefined if it is none, is too large or too deep, is no UTF-8, or has a name
 * twice, which two readers would take differently. It reads no further than the limit. Throws if the response breaks off.
 */
export async function readBody(response: IncomingMessage): Promise<unknown> {
  const bytes = await readBytes(response);
  if (bytes === undefined || !isJson(response)) return undefined;
  try {
    return readWholeJson(utf8.decode(bytes), LIMITS);
  } catch {
    // The body claims to be JSON and is not, or two readers would take it differently. With a 2xx that counts as no body.
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
