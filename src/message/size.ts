import { refuseUnstorable } from './admission';
import type { Refusal } from './refusal';

/** A message carries ids and what is needed to act on them. Documents belong in the business's own tables. */
export const MAX_PAYLOAD_BYTES = 16 * 1024;
// As much as the HTTP API takes. A workflow's input of two megabytes could not be handed to an activity.
const MAX_MESSAGE_BYTES = 64 * 1024;
/** How deeply a payload, or a request over HTTP, may be nested. PostgreSQL and JSON.stringify follow some thousands. */
export const MAX_DEPTH = 32;

const utf8 = new TextEncoder();

/** Why a payload cannot be part of a message: it is no JSON, too large, too deep, or PostgreSQL could not store it. */
export function refusePayloadSize(payload: unknown): Refusal | undefined {
  const field = 'payload';
  let json: string;
  try {
    // What is not JSON cannot be sent. `undefined` becomes null on the way.
    json = JSON.stringify(payload) ?? 'null';
  } catch (error) {
    return { code: 'invalidPayload', field, message: `cannot be written as JSON: ${(error as Error).message}` };
  }
  const bytes = utf8.encode(json);
  if (bytes.length > MAX_PAYLOAD_BYTES) {
    return { code: 'payloadTooLarge', field, message: `must be at most ${MAX_PAYLOAD_BYTES} bytes as JSON` };
  }
  if (isDeeperThan(MAX_DEPTH, bytes)) {
    return { code: 'payloadTooDeep', field, message: `must be at most ${MAX_DEPTH} deep` };
  }
  return refuseUnstorable(json);
}

/** Why a message as a whole cannot go on, with the fields of later releases that it carries. */
export function refuseMessageSize(message: object): Refusal | undefined {
  const field = 'message';
  let json: string;
  try {
    json = JSON.stringify(message);
  } catch (error) {
    return { code: 'messageTooLarge', field, message: `cannot be written as JSON: ${(error as Error).message}` };
  }
  const bytes = utf8.encode(json);
  if (bytes.length > MAX_MESSAGE_BYTES) {
    return { code: 'messageTooLarge', field, message: `must be at most ${MAX_MESSAGE_BYTES} bytes as JSON` };
  }
  // The payload's own depth is checked before.
  if (isDeeperThan(2 * MAX_DEPTH, bytes)) {
    return { code: 'messageTooLarge', field, message: `must be at most ${2 * MAX_DEPTH} deep` };
  }
  const unstorable = refuseUnstorable(json);
  return unstorable && { ...unstorable, field };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING: ReadonlySet<number | undefined> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number | undefined> = new Set([0x5d, 0x7d]);

/** Whether a JSON text, as its bytes in UTF-8, is nested more deeply than `limit`. */
export function isDeeperThan(limit: number, json: Uint8Array): boolean {
  // Each level has two brackets.
  if (json.length <= 2 * limit) return false;
  let depth = 0;
  for (let at = 0; at < json.length && depth <= limit; at += 1) {
    if (json[at] === QUOTE) at = endOfString(json, at);
    else if (OPENING.has(json[at])) depth += 1;
    else if (CLOSING.has(json[at])) depth -= 1;
  }
  return depth > limit;
}

function endOfString(json: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}
