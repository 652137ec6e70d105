import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { admit, MessageError, refuseRef } from '../admission';
import type { Queryable } from '../database';
import { ProblemError } from './problems';

/** Whoever asks: one tenant, or an operator, whose tenant is `*` and who sees all of them. */
export interface Caller {
  keyId: string;
  tenant: string;
}

export const EVERY_TENANT = '*';

/** Whether this caller sees and touches what is this tenant's. */
export const maySee = ({ tenant }: Caller, of: string): boolean => tenant === EVERY_TENANT || tenant === of;

/** Throws a `ProblemError` for what is another tenant's: to this caller there is no such thing. */
export function mustSee(caller: Caller, tenant: string): void {
  if (!maySee(caller, tenant)) throw new ProblemError('notFound', 'There is no such tenant.', { field: 'tenant' });
}

const KEY = /^pd_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
const sha256 = (secret: string) => createHash('sha256').update(secret).digest();
// For a key that is not there, so that this takes no less time than one whose secret is wrong.
const NO_SECRET = Buffer.alloc(32);

/** Makes an API key for a tenant and returns it this once: the database has only its hash. Throws a `MessageError`. */
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

/** Has a key be refused from now on; false if there is none of this id in use. */
export async function revokeApiKey(db: Queryable, id: string): Promise<boolean> {
  const { rowCount } = await db.query(
    'update postdate.api_key set revoked_at = clock_timestamp() where id = $1 and revoked_at is null',
    [id],
  );
  return rowCount === 1;
}

/** Whose key this is; undefined if it is none, or no longer. Which part of it was wrong does not show in the time taken. */
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

/** Whether a secret has this hash, in the same time whatever is wrong with it. */
export const isSecret = (secret: string, hash: Buffer): boolean => timingSafeEqual(sha256(secret), hash);
