import { createHash } from 'node:crypto';
import { nanoid } from 'nanoid';
import { MessageError } from '../admission';
import type { MessageRef } from '../contract';
import type { Queryable } from '../database';
import { canonicalJson } from './json';
import type { Caller } from './keys';
import { ProblemError } from './problems';
import type { Answer } from './route';

/** A request about a message, as far as a repeat of it must be the same. */
export interface Repeatable {
  caller: Caller;
  /** Without it every request is a new one. */
  idempotencyKey?: string;
  ref: MessageRef;
  /** All that was asked: what is done, and the body. */
  asked: unknown;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();

/**
 * Does what was asked once per Idempotency-Key, and answers a repeat as the first was answered. The command's id derives
 * from the key, so that two at once, or a repeat of one whose answer was lost, are one command to the message as well.
 * Throws a `ProblemError` when the key was used for something else.
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
    // What is only requested has no answer yet; a repeat learns what became of it.
    else if (answer.status !== 202) await storeAnswer(db, name, answer);
    return answer;
  } catch (error) {
    // Nothing was done, and the key is free for the corrected request. After any other error something may have been.
    if (error instanceof MessageError) await forget(db, name);
    throw error;
  }
}

/** Notes down what is asked under this key; returns what was answered before, if anything was. */
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
  // Gone between the two statements: the one that was there came to nothing.
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
