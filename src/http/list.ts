import { createHash } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { z } from 'zod';
import { listPage, type Selection } from '../producing/list';
import { canonicalJson } from './json';
import { type Caller, EVERY_TENANT, mustSee } from './keys';
import { ProblemError } from './problems';
import type { selection } from './request-schemas';
import type { Answer } from './route';

/** One page of a selection, restricted to what this caller may see. */
export async function listMessages(
  client: Client,
  caller: Caller,
  { limit, cursor, ...given }: z.output<typeof selection>,
): Promise<Answer> {
  const tenant = given.tenant ?? (caller.tenant === EVERY_TENANT ? undefined : caller.tenant);
  if (tenant !== undefined) mustSee(caller, tenant);
  const selected = { ...given, tenant };
  const from = cursor === undefined ? undefined : decodeCursor(cursor, selected);
  const { messages, next } = await listPage(client, selected, { limit, from });
  return { status: 200, body: { messages, nextCursor: next && encodeCursor(next, selected) } };
}

// A cursor is a checksum and Temporal's page token. Temporal answers an unreadable token, or one of another query, as
// if it were away, or with a page of something else.
const CHECKSUM_BYTES = 9;

const checksumOf = (place: Uint8Array, selected: Selection) =>
  createHash('sha256').update(canonicalJson(selected)).update(place).digest().subarray(0, CHECKSUM_BYTES);

const encodeCursor = (place: Uint8Array, selected: Selection) =>
  Buffer.concat([checksumOf(place, selected), place]).toString('base64url');

function decodeCursor(cursor: string, selected: Selection): Uint8Array {
  const bytes = Buffer.from(cursor, 'base64url');
  const place = bytes.subarray(CHECKSUM_BYTES);
  if (checksumOf(place, selected).equals(bytes.subarray(0, CHECKSUM_BYTES))) return place;
  throw new ProblemError('invalidCursor', 'must be a nextCursor of the same selection', { field: 'cursor' });
}
