import { createHash } from 'node:crypto';
import { nanoid } from 'nanoid';
import { MessageError } from '../message/admission';
import type { MessageRef } from '../message/contract';
import type { Queryable } from '../platform/database/pool';
import { canonicalJson } from './json';
import type { Caller } from './keys';
import { ProblemError } from './problems';
import type { Answer } from './route';

/** A request about a message, with all that a repeat must have in common with it. */
export interface Repeatable {
  caller: Caller;
  /** Without a key, every request is a new one. */
  idempotencyKey?: string;
  ref: MessageRef;
  /** The whole request: the operation and the body. */
  asked: unknown;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();

/**
 * Executes a request once per Idempotency-Key, and gives a repeat the first answer. The command's id derives from the
 * key: two requests at once, or a repeat after a lost answer, are one command to the message. Throws a `ProblemError`
 * if the key was used for another request.
 */
export async function once(
  db: Queryable,
  { caller, idempotencyKey, ref, asked }: Repeatable,
  work: (commandId: string) => Promise<Answer>,
): Promise<Answer> {
  if (idempotencyKey === undefined) return work(nanoid());
  const name = [caller.tenant, idempotencyKey];
  const first = await record(db, name, ref, sha256(canonicalJson(asked)));
  if (first) return first;
  try {
    const answer = await work(`http:${sha256(name.join(' ')).toString('base64url')}`);
    if (answer.status === 404) await forget(db, name);
    // A command that is only requested has no result yet. A repeat gets its result.
    else if (answer.status !== 202) await storeAnswer(db, name, answer);
    return answer;
  } catch (error) {
    // Nothing was done, so the corrected request may use the key. After any other error something may have been done.
    if (error instanceof MessageError) await forget(db, name);
    throw error;
  }
}

/** Records the request under this key. Returns the first answer if the key has one. */
async function record(db: Queryable, name: string[], ref: MessageRef, hash: Buffer): Promise<Answer | undefined> {
  const inserted = await db.query(
    `insert into postdate.idempotency (key_tenant, idempotency_key, topic, tenant, key, request_sha256)
     values ($1, $2, $3, $4, $5, $6)
     on conflict do nothing`,
    [...name, ref.topic, ref.tenant, ref.key, hash],
  );
  if (inserted.rowCount === 1) return undefined;
  const { rows } = await db.query<{ request_sha256: Buffer; answer: Answer | null }>(
    'select request_sha256, answer from postdate.idempotency where key_tenant = $1 and idempotency_key = $2',
    name,
  );
  // The row was deleted between the two statements, so the request that wrote it had no effect.
  if (!rows[0]) return record(db, name, ref, hash);
  if (!rows[0].request_sha256.equals(hash)) {
    const field = 'Idempotency-Key';
    throw new ProblemError('idempotencyKeyReused', 'was used before, with another body or path', { field });
  }
  return rows[0].answer ?? undefined;
}

const storeAnswer = (db: Queryable, name: string[], answer: Answer) =>
  db.query(
    `update postdate.idempotency set answer = $3
      where key_tenant = $1 and idempotency_key = $2 and answer is null`,
    [...name, JSON.stringify(answer)],
  );

const forget = (db: Queryable, name: string[]) =>
  db.query('delete from postdate.idempotency where key_tenant = $1 and idempotency_key = $2 and answer is null', name);
