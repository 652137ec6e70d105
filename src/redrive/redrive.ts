import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { schedule } from '../client';
import type { OptionalFields, ScheduledMessage } from '../contract';
import type { Waiting } from '../hold/waiting';
import { describe } from '../lookup';
import { optionalFieldsOf } from '../optional-fields';
import { upcast } from '../payload-version';
import { hasRows, payloadOfRow } from '../sweep/waiting-rows';
import type { Topic } from '../topic';
import type { FailedMessage } from './failed';

/** `unknown`: neither Temporal, nor a business row, nor an answer has its payload any more. */
export type Redriven = { result: 'redriven'; cycle: number } | { result: 'waiting' } | { result: 'unknown' };

/**
 * Has a failed message tried again at once, in a new cycle that its record names, with who wanted it and why. Repeated, it
 * is the same redrive. The failed cycle stays as it is in the ledger.
 */
export async function redrive(
  deps: { pool: Pool; client: Client; waiting: Waiting },
  topic: Topic,
  failed: FailedMessage,
  { by, reason }: { by: string; reason: string },
): Promise<Redriven> {
  const { pool, client } = deps;
  const message = await messageOf(deps, topic, failed);
  if (!message) return { result: 'unknown' };
  const { tenant, key } = failed;
  const cycle = failed.cycle + 1;
  await pool.query(
    `insert into postdate.redrive (topic, tenant, key, failed_cycle, cycle, redriven_by, reason)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict do nothing`,
    [topic.name, tenant, key, failed.cycle, cycle, by, reason],
  );
  // The record first: a redrive that nobody wrote down must not happen; one that was only written down can be repeated.
  const commandId = `redrive:${cycle}`;
  const post = { topic, tenant, key, cycle, dueAt: Date.now(), ...message } as Parameters<typeof schedule>[1];
  const { result } = await schedule(client, post, { commandId });
  return result === 'scheduled' ? { result: 'redriven', cycle } : { result: 'waiting' };
}

type Said = Pick<ScheduledMessage, 'payload'> & OptionalFields;
const saidBy = (topic: Topic, message: ScheduledMessage): Said => ({
  payload: upcast(topic, message),
  ...optionalFieldsOf(message),
});

/** What the failed message said: as Temporal still has it, else as its row has it now, or as it was forwarded. */
async function messageOf(
  { pool, client, waiting }: Parameters<typeof redrive>[0],
  topic: Topic,
  failed: FailedMessage,
): Promise<Said | undefined> {
  const known = await describe(client, failed);
  if (known) {
    const message = await waiting.messageOf(known);
    return saidBy(topic, message);
  }
  return hasRows(topic) ? payloadOfRow(pool, topic, failed) : ofAnswer(pool, topic, failed);
}

/** What a forwarded message said whose consumer has answered that it failed. */
async function ofAnswer(pool: Pool, topic: Topic, { tenant, key, cycle }: FailedMessage): Promise<Said | undefined> {
  const { rows } = await pool.query<{ message: ScheduledMessage | null }>(
    'select message from postdate.answer where topic = $1 and tenant = $2 and key = $3 and cycle = $4',
    [topic.name, tenant, key, cycle],
  );
  const message = rows[0]?.message;
  return message ? saidBy(topic, message) : undefined;
}
