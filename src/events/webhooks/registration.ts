import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { admit, MessageError, refuseRef } from '../../message/admission';
import { inTransaction, type Queryable } from '../../platform/database/pool';
import { subscribe } from '../consumer';
import { addressesOf, type Reach, refuseUrl } from './addresses';
import { WEBHOOKS_CONSUMER } from './queue';
import { newSecret, secretText } from './signature';

/** A webhook to register: its URL, and which events it gets. */
export interface NewWebhook {
  url: string;
  /** The tenant of the events; `*` for all tenants. */
  tenant: string;
  /** Default: all topics, and all types. */
  topics?: string[];
  types?: string[];
  /** Whether its responses to forwarded messages are taken as answers. Default: it only observes. */
  answers?: boolean;
}

/**
 * Registers a webhook, which gets the events from now on. Returns its secret, which is shown this once. Throws a
 * `MessageError`: `invalidUrl`, `privateAddress`, `invalidTenant` or `invalidTopic`.
 */
export async function addWebhook(
  pool: Pool,
  { url, tenant, topics, types, answers = false }: NewWebhook,
  reach: Reach,
): Promise<{ id: string; secret: string }> {
  admit(refuseUrl(url, reach));
  if (tenant !== '*') admit(refuseRef({ topic: 'any', tenant, key: 'any' }));
  for (const topic of topics ?? []) admit(refuseRef({ topic, tenant: 'any', key: 'any' }));
  await refuseUnresolved(new URL(url), reach);
  const id = `wh_${randomBytes(8).toString('hex')}`;
  const secret = newSecret();
  await inTransaction(pool, async (tx) => {
    // The first webhook may be registered before any worker has subscribed the consumer.
    await subscribe(tx, { name: WEBHOOKS_CONSUMER, from: 'end' });
    await tx.query(
      `insert into postdate.webhook (id, url, tenant, topics, types, answers, after_position)
       select $1, $2, $3, $4, $5, $6, position from postdate.stream_head`,
      [id, url, tenant, topics ?? null, types ?? null, answers],
    );
    await tx.query('insert into postdate.webhook_secret (webhook_id, secret) values ($1, $2)', [id, secret]);
  });
  return { id, secret: secretText(secret) };
}

async function refuseUnresolved(url: URL, reach: Reach): Promise<void> {
  try {
    await addressesOf(url, reach);
  } catch (error) {
    if (error instanceof MessageError) throw error;
    const message = `must have a name that can be looked up (${(error as Error).message})`;
    throw new MessageError({ code: 'invalidUrl', field: 'url', message });
  }
}

/**
 * Signs with a new secret from now on, and returns it this once. Earlier secrets sign as well for `overlapMs`.
 * Undefined if there is no webhook of this id.
 */
export async function rotateSecret(
  pool: Pool,
  id: string,
  { overlapMs }: { overlapMs: number },
): Promise<string | undefined> {
  const secret = newSecret();
  return inTransaction(pool, async (tx) => {
    const { rowCount } = await tx.query('select 1 from postdate.webhook where id = $1 for update', [id]);
    if (rowCount === 0) return undefined;
    await tx.query(
      `update postdate.webhook_secret
          set ends_at = least(ends_at, clock_timestamp() + make_interval(secs => $2))
        where webhook_id = $1`,
      [id, overlapMs / 1_000],
    );
    await tx.query('insert into postdate.webhook_secret (webhook_id, secret) values ($1, $2)', [id, secret]);
    await tx.query('delete from postdate.webhook_secret where webhook_id = $1 and ends_at <= clock_timestamp()', [id]);
    return secretText(secret);
  });
}

/** Has a webhook's responses to forwarded messages taken as answers, or ignored. False if there is no webhook of this id. */
export async function setAnswers(db: Queryable, id: string, answers: boolean): Promise<boolean> {
  const { rowCount } = await db.query('update postdate.webhook set answers = $2 where id = $1', [id, answers]);
  return rowCount === 1;
}

/** Removes a webhook with its secrets, its log and its waiting deliveries. False if there is none of this id. */
export async function removeWebhook(pool: Pool, id: string): Promise<boolean> {
  return inTransaction(pool, async (tx) => {
    await tx.query('set local statement_timeout = 0');
    const { rowCount } = await tx.query('delete from postdate.webhook where id = $1', [id]);
    return rowCount === 1;
  });
}
