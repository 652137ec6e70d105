import { CompiledQuery, type Transaction as KyselyTransaction } from 'kysely';
import type { ClientBase } from 'pg';
import type { z } from 'zod';
import { admit, MessageError, refuseCommandId, refuseRef } from '../message/admission';
import type { CancelCommand } from '../message/commands';
import type { MessageRef, OptionalFields } from '../message/contract';
import { epochMsOf } from '../message/due-time';
import type { Refusal } from '../message/refusal';
import { storable } from '../platform/database/storable';
import { versionOf } from '../topics/payload-version';
import { cancelCommandOf, type MoveInput, moveCommandOf, refuseMove } from './commands';
import { messageOf, type Post, presentFieldsOf, type ScheduleOptions, scheduleOptionsOf } from './post';

/** A transaction of node-postgres or of kysely. With a pool, the command commits by itself. */
export type Transaction = Pick<ClientBase, 'query'> | Pick<KyselyTransaction<unknown>, 'executeQuery'>;

// The SQLSTATE that postdate.refuse raises.
const REFUSED = 'PD001';
// Stands for "never too late": an interval cannot be infinite.
const LONGEST_MS = 100_000 * 365.25 * 86_400_000;

// The argument of postdate.schedule for each optional field of a message.
const ARGUMENTS: Record<
  Exclude<keyof OptionalFields, 'dueBefore2000'>,
  { text(place: string): string; value(fields: OptionalFields): unknown }
> = {
  staleAfterMs: {
    text: (place) => `stale_after => make_interval(secs => ${place}::float8 / 1000)`,
    value: ({ staleAfterMs }) => (staleAfterMs === undefined ? null : Math.min(staleAfterMs, LONGEST_MS)),
  },
};

// A setting of the transaction, because the functions' parameters are stable. It is set in each statement, so that it
// counts for no other.
const allowing = (dueBefore2000 = false) =>
  `set_config('postdate.due_before_2000', '${dueBefore2000 ? 'on' : 'off'}', true)`;

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
  given: Post<Schema>,
  options: ScheduleOptions = {},
): Promise<string> {
  const { onConflict, commandId } = scheduleOptionsOf(options);
  admit(refuseCommandId(commandId));
  const post = presentFieldsOf(given);
  const message = messageOf(post);
  const { topic, tenant, key, dueAt } = message;
  const payload = JSON.stringify(post.payload) ?? 'null';
  const { cycle, repeat } = post;
  const optional = argumentsOf(message, 11);
  return callFunction(
    tx,
    `select postdate.schedule($1, $2, $3, to_timestamp($4::float8 / 1000), payload => $5::jsonb, cycle => $6::bigint,
       repeat => $7::jsonb, on_conflict => $8, command_id => $9, payload_version => $10::integer, ${optional.text}) as id
       from ${allowing(message.dueBefore2000)}`,
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
export async function cancelIn(tx: Transaction, ref: MessageRef, given: Partial<CancelCommand> = {}): Promise<string> {
  const { commandId, reason } = cancelCommandOf(given);
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
export async function moveIn(tx: Transaction, ref: MessageRef, options: MoveInput): Promise<string> {
  const command = moveCommandOf(options);
  admit(refuseRef(ref) ?? refuseMove(command));
  const { dueAt, cycle, expectedCycle, commandId, dueBefore2000 } = command;
  return callFunction(
    tx,
    `select postdate.move($1, $2, $3, to_timestamp($4::float8 / 1000), cycle => $5::bigint,
       expected_cycle => $6::bigint, command_id => $7) as id
       from ${allowing(dueBefore2000)}`,
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
