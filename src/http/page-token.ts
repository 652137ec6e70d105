import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Queryable } from '../platform/database/pool';
import { canonicalJson } from './json';
import { ProblemError } from './problems';

// A token is a signature and Temporal's own page token. Temporal answers an unreadable token, or one of another query,
// as if it were away, or with a page of something else.
const SIGNATURE_BYTES = 16;

/** Whose list a page is of, and of which selection. */
export interface Listed {
  /** The tenant of the caller. */
  tenant: string;
  selected: object;
}

/** The key by which all processes of the API sign page tokens. It is made with its table. */
export async function readPageTokenKey(db: Queryable): Promise<Buffer> {
  const { rows } = await db.query<{ key: Buffer }>('select key from postdate.page_token_key');
  if (!rows[0]) throw new Error('postdate.page_token_key has no row');
  return rows[0].key;
}

const signatureOf = (key: Buffer, place: Uint8Array, listed: Listed) =>
  createHmac('sha256', key).update(canonicalJson(listed)).update(place).digest().subarray(0, SIGNATURE_BYTES);

/** The token of a list's next page. */
export const pageTokenOf = (key: Buffer, place: Uint8Array, listed: Listed): string =>
  Buffer.concat([signatureOf(key, place, listed), place]).toString('base64url');

/** The place that a token stands for. Throws a `ProblemError` if it was not made for this caller and this selection. */
export function placeOf(key: Buffer, token: string, listed: Listed): Uint8Array {
  const bytes = Buffer.from(token, 'base64url');
  const [signature, place] = [bytes.subarray(0, SIGNATURE_BYTES), bytes.subarray(SIGNATURE_BYTES)];
  const expected = signatureOf(key, place, listed);
  if (signature.length === expected.length && timingSafeEqual(signature, expected)) return place;
  throw new ProblemError('invalidCursor', 'must be a nextCursor of the same selection', { field: 'cursor' });
}
