import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { schedule } from '../../client';
import { MessageError } from '../../message/admission';
import type { OptionalFields, ScheduledMessage } from '../../message/contract';
import { occurrenceOf } from '../../message/occurrence';
import { optionalFieldsOf } from '../../message/optional-fields';
import { readThrown } from '../../platform/telemetry/thrown';
import { describe } from '../../producing/describe';
import { OvertakenError } from '../../producing/overtaken-error';
import { messageOf } from '../../producing/post';
import { UnreadableMessage, type Waiting } from '../../producing/waiting-runs';
import { hasRows, payloadOfRow } from '../../topics/business-rows';
import { upcast } from '../../topics/payload-version';
import type { Topic } from '../../topics/topic';
import type { FailedMessage } from './failed';

/**
 * `waiting`: the message waits already. `unknown`: neither Temporal, nor a business row, nor an answer has its payload.
 * `unusable`: what they have of it cannot be read, or is refused today, and why.
 */
export type RedriveResult =
  | { result: 'redriven'; cycle: number }
  | { result: 'waiting' }
  | { result: 'unknown' }
  | { result: 'unusable'; why: string };

/**
 * Schedules a failed message again, due now, in a new cycle. `postdate.redrive` records the cycle, the operator and the
 * reason. Calling it again has no further effect. The failed cycle stays as it is in the ledger. Throws only what would hit
 * every other message too.
 */
export async function redrive(
  deps: { pool: Pool; client: Client; waiting: Waiting },
  topic: Topic,
  failed: FailedMessage,
  record: { by: string; reason: string },
): Promise<RedriveResult> {
  try {
    return await redriveOne(deps, topic, failed, record);
  } catch (error) {
    if (!isAboutMessage(error)) throw error;
    return { result: 'unusable', why: error.message };
  }
}

const isAboutMessage = (error: unknown): error is Error =>
  [UnreadableMessage, MessageError, OvertakenError].some((kind) => error instanceof kind);

async function redriveOne(
  deps: { pool: Pool; client: Client; waiting: Waiting },
  topic: Topic,
  failed: FailedMessage,
  { by, reason }: { by: string; reason: string },
): Promise<RedriveResult> {
  const { pool, client } = deps;
  const message = await findMessage(deps, topic, failed);
  if (!message) return { result: 'unknown' };
  const { occurrence, ...content } = message;
  const { tenant, key } = failed;
  const cycle = failed.cycle + 1;
  const postDueAt = (dueAt: Date | undefined) =>
    ({ topic, tenant, key, cycle, dueAt, ...content }) as Parameters<typeof schedule>[1];
  // A post that is refused is not recorded.
  messageOf(postDueAt(new Date()));
  const { rows } = await pool.query<{ redriven_at: Date }>(
    `insert into postdate.redrive as known (topic, tenant, key, failed_cycle, cycle, redriven_by, reason)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (topic, tenant, key, failed_cycle) do update set redriven_at = known.redriven_at
     returning redriven_at`,
    [topic.name, tenant, key, failed.cycle, cycle, by, reason],
  );
  // The record comes first: a redrive without a record must not happen, and one that was only recorded can be repeated.
  // Repeated, it is the same command, also in its due time.
  const commandId = `redrive:${cycle}`;
  const { result } = await schedule(client, postDueAt(rows[0]?.redriven_at), { commandId, occurrence });
  return result === 'scheduled' ? { result: 'redriven', cycle } : { result: 'waiting' };
}

// What has failed was no occurrence: a redrive is that one, once more.
type FailedContent = Pick<ScheduledMessage, 'payload'> & OptionalFields & { occurrence: number };
function contentOf(topic: Topic, message: ScheduledMessage): FailedContent {
  try {
    return { payload: upcast(topic, message), ...optionalFieldsOf(message), occurrence: occurrenceOf(message) };
  } catch (error) {
    throw new UnreadableMessage(`its payload cannot be brought to the present version: ${readThrown(error).message}`);
  }
}

/** The content of the failed message: from Temporal, else from its business row, else from the forwarded message. */
async function findMessage(
  { pool, client, waiting }: Parameters<typeof redrive>[0],
  topic: Topic,
  failed: FailedMessage,
): Promise<FailedContent | undefined> {
  const status = await describe(client, failed);
  const inDatabase = () =>
    hasRows(topic) ? payloadOfRow(pool, topic, failed) : forwardedMessageOf(pool, topic, failed);
  if (!status) return inDatabase();
  try {
    return contentOf(topic, await waiting.messageOf(status));
  } catch (error) {
    if (!isAboutMessage(error)) throw error;
    const found = await inDatabase();
    if (found) return found;
    throw error;
  }
}

/** The content of a forwarded message that its consumer has answered as failed. */
async function forwardedMessageOf(
  pool: Pool,
  topic: Topic,
  { tenant, key, cycle }: FailedMessage,
): Promise<FailedContent | undefined> {
  const { rows } = await pool.query<{ message: ScheduledMessage | null }>(
    'select message from postdate.answer where topic = $1 and tenant = $2 and key = $3 and cycle = $4',
    [topic.name, tenant, key, cycle],
  );
  const message = rows[0]?.message;
  return message ? contentOf(topic, { ...message, cycle }) : undefined;
}
