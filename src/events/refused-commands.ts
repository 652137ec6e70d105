import type { CommandName } from '../message/commands';
import type { MessageRef } from '../message/contract';
import type { Refusal } from '../message/refusal';
import type { Queryable } from '../platform/database/pool';
import { storable } from '../platform/database/storable';
import { newEvent } from '../topics/event-types';
import { appendEvents } from './outbox';
import { commandRefused } from './postdate-events';

/** A command as it was posted. `body` is as postdate.schedule, cancel or move wrote it. */
interface PostedCommand extends MessageRef {
  seq: string;
  what: CommandName;
  commandId: string;
  body: unknown;
}

/** A command that a dispatcher has refused. Instants are RFC 3339. */
export interface RefusedCommand extends MessageRef, Refusal {
  commandId: string;
  what: CommandName;
  dueAt?: string;
  refusedAt: string;
}

/**
 * Records that a command has been refused, and emits the event that says so: its producer is not there any more to be
 * answered.
 */
export async function recordRefusal(tx: Queryable, command: PostedCommand, refusal: Refusal): Promise<void> {
  const { seq, topic, tenant, key, commandId, what } = command;
  const { dueAt, cycle = 1 } = command.body as { dueAt?: number; cycle?: number };
  const { code, field } = refusal;
  const message = storable(refusal.message) ?? '';
  await tx.query(
    `insert into postdate.refused_command (seq, topic, tenant, key, command_id, what, due_at, code, field, problem)
     values ($1, $2, $3, $4, $5, $6, to_timestamp($7::float8 / 1000), $8, $9, $10)`,
    [seq, topic, tenant, key, commandId, what, dueAt ?? null, code, storable(field), message],
  );
  const data = { commandId, what, code, field: storable(field) ?? '', message };
  await appendEvents(tx, [newEvent({ topic, tenant, key, cycle }, commandRefused, data, commandId)]);
}

interface Row extends MessageRef {
  command_id: string;
  what: CommandName;
  due_at: Date | null;
  code: Refusal['code'];
  field: string;
  problem: string;
  refused_at: Date;
}

// A corrected post has mended it: nobody need look any more.
const UNMENDED = `not exists (
  select 1 from postdate.command as later
   where later.topic = refused.topic and later.tenant = refused.tenant and later.key = refused.key
     and later.seq > refused.seq and later.what = 'schedule' and later.answer->>'result' not in ('refused', 'rejected'))`;

/**
 * The refused commands of a topic that no later post has mended, the newest first. With `dueBy`: those only whose
 * messages would have been due by then.
 */
export async function findRefused(
  db: Queryable,
  { topic, tenant, dueBy }: { topic: string; tenant?: string; dueBy?: Date },
  limit: number,
): Promise<RefusedCommand[]> {
  const { rows } = await db.query<Row>(
    `select topic, tenant, key, command_id, what, due_at, code, field, problem, refused_at
       from postdate.refused_command as refused
      where topic = $1 and ($2::text is null or tenant = $2) and ($3::timestamptz is null or due_at <= $3) and ${UNMENDED}
      order by seq desc
      limit $4`,
    [topic, tenant ?? null, dueBy ?? null, limit],
  );
  return rows.map(refusedOf);
}

/** All refused commands of one message, the newest first. */
export async function refusedOfMessage(
  db: Queryable,
  { topic, tenant, key }: MessageRef,
  limit: number,
): Promise<RefusedCommand[]> {
  const { rows } = await db.query<Row>(
    `select topic, tenant, key, command_id, what, due_at, code, field, problem, refused_at
       from postdate.refused_command
      where topic = $1 and tenant = $2 and key = $3
      order by seq desc
      limit $4`,
    [topic, tenant, key, limit],
  );
  return rows.map(refusedOf);
}

const refusedOf = ({ command_id, due_at, problem, refused_at, ...row }: Row): RefusedCommand => ({
  ...row,
  message: problem,
  commandId: command_id,
  dueAt: due_at?.toISOString(),
  refusedAt: refused_at.toISOString(),
});
