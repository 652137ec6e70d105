import type { z } from 'zod';
import { listPage } from '../producing/list';
import { type Caller, EVERY_TENANT, mustSee } from './keys';
import { pageTokenOf, placeOf } from './page-token';
import type { selection } from './request-schemas';
import type { Answer, RouteParts } from './route';

/** One page of a selection, restricted to what this caller may see. */
export async function listMessages(
  { client, pageTokenKey }: Pick<RouteParts, 'client' | 'pageTokenKey'>,
  caller: Caller,
  { limit, cursor, ...given }: z.output<typeof selection>,
): Promise<Answer> {
  const tenant = given.tenant ?? (caller.tenant === EVERY_TENANT ? undefined : caller.tenant);
  if (tenant !== undefined) mustSee(caller, tenant);
  const selected = { ...given, tenant };
  const listed = { tenant: caller.tenant, selected };
  const from = cursor === undefined ? undefined : placeOf(pageTokenKey, cursor, listed);
  const { messages, next } = await listPage(client, selected, { limit, from });
  return { status: 200, body: { messages, nextCursor: next && pageTokenOf(pageTokenKey, next, listed) } };
}
