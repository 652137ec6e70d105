import type { CommandName } from '../../message/commands';
import type { MessageRef } from '../../message/contract';
import type { Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import { CLAIM_S, type CommandsWanted, firstOfMessages, isFree } from './waiting-commands';

/**
 * A command that a producer has committed and Temporal does not know yet. `body` is as postdate.schedule, cancel or
 * move wrote it.
 */
export interface QueuedCommand extends MessageRef {
  seq: string;
  what: CommandName;
  commandId: string;
  body: unknown;
}

const LONGEST_PAUSE_S = 60;

/**
 * Claims commands for a worker, of each tenant as many as `shares` says and those first that are due first. A claim
 * lasts a minute, or until the worker dies. No transaction stays open meanwhile. A command that is executed twice has
 * one effect.
 */
export async function claimCommands(
  db: Queryable,
  worker: string,
  { topics, withinS, shares }: CommandsWanted & { shares: Map<string, number> },
): Promise<QueuedCommand[]> {
  const { rows } = await db.query<QueuedCommand>(
    // Materialized: a nested loop would run it again for each row, skip what it has locked itself, and take far too
    // many. After an outage there are no statistics of the commands, so each part is worded for the one index that
    // suits it.
    `with mine as materialized (
       select topic, tenant, key, command_id from postdate.command as waiting
        where dispatched_at is null and ${isFree('waiting')}
          and seq = any (array (
                select picked.seq from unnest($2::text[], $3::integer[]) as share (tenant, commands)
                 cross join lateral (select first.seq from ${firstOfMessages('share.tenant', '$4::text[]', '$5::float8')}
                                      order by waiting.due_at, waiting.seq limit share.commands) as picked))
          for update skip locked
     )
     update postdate.command as command
        set claimed_by = $1, tries = tries + 1, next_try_at = clock_timestamp() + interval '${CLAIM_S} s'
       from mine
      where command.topic = mine.topic and command.tenant = mine.tenant and command.key = mine.key
        and command.command_id = mine.command_id
     returning command.seq, command.topic, command.tenant, command.key, what, command.command_id as "commandId", body`,
    [worker, [...shares.keys()], [...shares.values()], topics, withinS ?? null],
  );
  return rows;
}

/**
 * Records the result of a command. The next command of its message is free then. False if it has been recorded before.
 */
export async function answerCommand(db: Queryable, { seq }: QueuedCommand, answer: object): Promise<boolean> {
  const { rowCount } = await db.query(
    `update postdate.command set dispatched_at = clock_timestamp(), answer = $2, failure = null, claimed_by = null
      where seq = $1 and dispatched_at is null`,
    [seq, JSON.stringify(answer)],
  );
  return rowCount === 1;
}

/**
 * Puts a command back after a failure. Its next try follows after a pause that doubles with each try, up to a minute.
 */
export async function putBackCommand(
  db: Queryable,
  worker: string,
  { seq }: QueuedCommand,
  failure: string,
): Promise<void> {
  await db.query(
    `update postdate.command
        set claimed_by = null, failure = $3,
            next_try_at = clock_timestamp() + make_interval(secs => least($4, power(2, least(tries, 30) - 1)))
      where seq = $1 and dispatched_at is null and claimed_by = $2`,
    [seq, worker, storable(failure), LONGEST_PAUSE_S],
  );
}

/** For how many ms the oldest command has waited; 0 if none waits. */
export async function oldestWaitingMs(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ ms: number }>(
    `select greatest(0, extract(epoch from clock_timestamp() - posted_at))::float8 * 1000 as ms
       from postdate.command where dispatched_at is null order by seq limit 1`,
  );
  return rows[0]?.ms ?? 0;
}
