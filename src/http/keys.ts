import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { admit, MessageError, refuseRef } from '../message/admission';
import type { Queryable } from '../platform/database/pool';
import { ProblemError } from './problems';

/** The owner of an API key: one tenant, or an operator. An operator's tenant is `*`, and it sees all tenants. */
export interface Caller {
  keyId: string;
  tenant: string;
}

export const EVERY_TENANT = '*';

/** Whether this caller may see and change what belongs to this tenant. */
export const maySee = ({ tenant }: Caller, of: string): boolean => tenant === EVERY_TENANT || tenant === of;

/** Throws a `ProblemError` if the caller may not see this tenant: to this caller the tenant does not exist. */
export function mustSee(caller: Caller, tenant: string): void {
  if (!maySee(caller, tenant)) throw new ProblemError('notFound', 'There is no such tenant.', { field: 'tenant' });
}

const KEY = /^pd_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
const sha256 = (secret: string) => createHash('sha256').update(secret).digest();
// Compared with when there is no such key, so that the check takes no less time than with a wrong secret.
const NO_SECRET = Buffer.alloc(32);

/**
 * Creates an API key for a tenant and returns it, this once: the database has only its hash. Throws a `MessageError`.
 */
export async function createApiKey(
  db: Queryable,
  { tenant, label }: { tenant: string; label: string },
): Promise<{ id: string; key: string }> {
  if (tenant !== EVERY_TENANT) admit(refuseRef({ topic: 'any', tenant, key: 'any' }));
  if (!/^[^\0]{1,200}$/u.test(label)) {
    throw new MessageError({ code: 'invalidLabel', field: 'label', message: 'must have 1 to 200 characters' });
  }
  const id = randomBytes(8).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  await db.query('insert into postdate.api_key (id, sha256, tenant, label) values ($1, $2, $3, $4)', [
    id,
    sha256(secret),
    tenant,
    label,
  ]);
  return { id, key: `pd_${id}_${secret}` };
}

/** Revokes a key from now on. False if no key of this id is in use. */
export async function revokeApiKey(db: Queryable, id: string): Promise<boolean> {
  const { rowCount } = await db.query(
    'update postdate.api_key set revoked_at = clock_timestamp() where id = $1 and revoked_at is null',
    [id],
  );
  return rowCount === 1;
}

/**
 * The owner of a key; undefined if the key is invalid or revoked. The time taken does not show which part was wrong.
 */
export async function callerOf(db: Queryable, key: string): Promise<Caller | undefined> {
  const [, id, secret] = KEY.exec(key) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  const { rows } = await db.query<{ sha256: Buffer; tenant: string }>({
    name: 'postdate-api-key',
    text: 'select sha256, tenant from postdate.api_key where id = $1 and revoked_at is null',
    values: [id],
  });
  const [row] = rows;
  return isSecret(secret, row?.sha256 ?? NO_SECRET) && row ? { keyId: id, tenant: row.tenant } : undefined;
}

/** Whether a secret has this hash. The comparison takes the same time for every wrong secret. */
export const isSecret = (secret: string, hash: Buffer): boolean => timingSafeEqual(sha256(secret), hash);
