import { CompiledQuery, type Transaction as KyselyTransaction } from 'kysely';
import { nanoid } from 'nanoid';
import type { ClientBase } from 'pg';
import type { z } from 'zod';
import { admit, MessageError, refuseCommandId, refuseCycle, refuseDueAt, refuseRef } from '../message/admission';
import type { CancelCommand } from '../message/commands';
import type { MessageRef, OptionalFields } from '../message/contract';
import { epochMsOf, type InstantInput } from '../message/due-time';
import type { Refusal } from '../message/refusal';
import { storable } from '../platform/database/storable';
import { versionOf } from '../topics/payload-version';
import type { ScheduleOptions } from './post';
import { messageOf, type Post } from './post';

/** A transaction of node-postgres or of kysely. With a pool, the command commits by itself. */
export type Transaction = Pick<ClientBase, 'query'> | Pick<KyselyTransaction<unknown>, 'executeQuery'>;

// The SQLSTATE that postdate.refuse raises.
const REFUSED = 'PD001';
// Stands for "never too late": an interval cannot be infinite.
const LONGEST_MS = 100_000 * 365.25 * 86_400_000;

// The argument of postdate.schedule for each optional field of a message.
const ARGUMENTS: Record<keyof OptionalFields, { text(place: string): string; value(fields: OptionalFields): unknown }> =
  {
    staleAfterMs: {
      text: (place) => `stale_after => make_interval(secs => ${place}::float8 / 1000)`,
      value: ({ staleAfterMs }) => (staleAfterMs === undefined ? null : Math.min(staleAfterMs, LONGEST_MS)),
    },
  };

function argumentsOf(fields: OptionalFields, firstPlace: number): { text: string; values: unknown[] } {
  const all = Object.values(ARGUMENTS);
  return {
    text: all.map(({ text }, index) => text(`$${firstPlace + index}`)).join(', '),
    values: all.map(({ value }) => value(fields)),
  };
}

/**
 * Posts a message if and only if the transaction commits. A dispatcher then schedules it. Returns the command's id;
 * `postdate.command` has the result under it. Throws a `MessageError` for bad input, before anything is stored.
 */
export async function scheduleIn<Schema extends z.ZodType>(
  tx: Transaction,
  post: Post<Schema>,
  { onConflict = 'reject', commandId = nanoid() }: ScheduleOptions = {},
): Promise<string> {
  admit(refuseCommandId(commandId));
  const message = messageOf(post);
  const { topic, tenant, key, dueAt } = message;
  const payload = JSON.stringify(post.payload) ?? 'null';
  const { cycle, repeat } = post;
  const optional = argumentsOf(message, 11);
  return callFunction(
    tx,
    `select postdate.schedule($1, $2, $3, to_timestamp($4::float8 / 1000), payload => $5::jsonb, cycle => $6::bigint,
       repeat => $7::jsonb, on_conflict => $8, command_id => $9, payload_version => $10::integer, ${optional.text}) as id`,
    [
      topic,
      tenant,
      key,
      dueAt,
      payload,
      cycle ?? null,
      repeat ? JSON.stringify({ ...repeat, until: repeat.until && epochMsOf(repeat.until) }) : null,
      onConflict,
      commandId,
      versionOf(message),
      ...optional.values,
    ],
  );
}

/** Cancels a message if and only if the transaction commits. Returns and throws as `scheduleIn` does. */
export async function cancelIn(
  tx: Transaction,
  ref: MessageRef,
  { commandId = nanoid(), reason }: Partial<CancelCommand> = {},
): Promise<string> {
  admit(refuseRef(ref) ?? refuseCommandId(commandId));
  return callFunction(tx, 'select postdate.cancel($1, $2, $3, reason => $4, command_id => $5) as id', [
    ref.topic,
    ref.tenant,
    ref.key,
    storable(reason),
    commandId,
  ]);
}

/**
 * Moves a message to another due time if and only if the transaction commits. Takes the options of `move`; returns and
 * throws as `scheduleIn` does.
 */
export async function moveIn(
  tx: Transaction,
  ref: MessageRef,
  options: { dueAt: InstantInput; cycle?: number; expectedCycle?: number; commandId?: string },
): Promise<string> {
  const { cycle, expectedCycle, commandId = nanoid() } = options;
  const dueAt = epochMsOf(options.dueAt);
  admit(
    refuseRef(ref) ??
      refuseCommandId(commandId) ??
      refuseDueAt(dueAt, Date.now()) ??
      (cycle === undefined ? undefined : refuseCycle(cycle)) ??
      (expectedCycle === undefined ? undefined : refuseCycle(expectedCycle, 'expectedCycle')),
  );
  return callFunction(
    tx,
    `select postdate.move($1, $2, $3, to_timestamp($4::float8 / 1000), cycle => $5::bigint,
       expected_cycle => $6::bigint, command_id => $7) as id`,
    [ref.topic, ref.tenant, ref.key, dueAt, cycle ?? null, expectedCycle ?? null, commandId],
  );
}

async function callFunction(tx: Transaction, text: string, values: unknown[]): Promise<string> {
  const run = () =>
    'executeQuery' in tx ? tx.executeQuery<{ id: string }>(CompiledQuery.raw(text, values)) : tx.query(text, values);
  try {
    const { rows } = await run();
    return rows[0]?.id;
  } catch (error) {
    throw refusalByDatabase(error as { code?: string; detail?: string; message: string }) ?? error;
  }
}

/** A refusal by the database as the error that this process would have thrown. Undefined for any other error. */
export function refusalByDatabase({ code, detail, message }: { code?: string; detail?: string; message: string }) {
  if (code !== REFUSED || detail === undefined) return undefined;
  const refusal = JSON.parse(detail) as Pick<Refusal, 'code' | 'field'>;
  return new MessageError({ ...refusal, message: message.slice(`${refusal.field}: `.length) });
}
