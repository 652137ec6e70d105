import type { CommandName } from '../../message/commands';
import type { MessageRef } from '../../message/contract';
import type { Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import { WORKER_IS_WELL } from '../../platform/database/worker-registry';

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

// Longer than the calls of a command can last. The claim therefore expires only for a dispatcher that hangs.
const CLAIM_S = 60;
const LONGEST_PAUSE_S = 60;

// A claim is also void if its dispatcher is dead, or if a wrong clock wrote its end.
const IS_FREE = `(waiting.next_try_at not between clock_timestamp() and clock_timestamp() + interval '${CLAIM_S + 1} s'
                  or (waiting.claimed_by is not null and not exists (
                        select 1 from postdate.worker where id = waiting.claimed_by and ${WORKER_IS_WELL})))`;

/**
 * Claims commands for a worker, of each message the first that waits. A claim lasts a minute, or until the worker dies.
 * No transaction stays open meanwhile. A command that is executed twice has one effect.
 */
export async function claimCommands(
  db: Queryable,
  worker: string,
  { topics, limit }: { topics: string[]; limit: number },
): Promise<QueuedCommand[]> {
  const { rows } = await db.query<QueuedCommand>(
    // Materialized: a nested loop would run it again for each row, skip what it has locked itself, and take far too
    // many. After an outage there are no statistics of the queue, so each part is worded for the one index that suits
    // it: waiting commands are read by command_waiting alone, and the commands of one message by the primary key alone.
    `with mine as materialized (
       select topic, tenant, key, command_id from postdate.command as waiting
        where dispatched_at is null and array_position($2::text[], topic) is not null and ${IS_FREE}
          and (select count(*) from postdate.command as earlier
                where earlier.topic = waiting.topic and earlier.tenant = waiting.tenant and earlier.key = waiting.key
                  and earlier.answer is null and earlier.seq < waiting.seq) = 0
        order by seq
        limit $3
          for update skip locked
     )
     update postdate.command as command
        set claimed_by = $1, tries = tries + 1, next_try_at = clock_timestamp() + interval '${CLAIM_S} s'
       from mine
      where command.topic = mine.topic and command.tenant = mine.tenant and command.key = mine.key
        and command.command_id = mine.command_id
     returning command.seq, command.topic, command.tenant, command.key, what, command.command_id as "commandId", body`,
    [worker, topics, limit],
  );
  return rows;
}

/** Records the result of a command. The next command of its message is free then. */
export async function answerCommand(db: Queryable, { seq }: QueuedCommand, answer: object): Promise<void> {
  await db.query(
    `update postdate.command set dispatched_at = clock_timestamp(), answer = $2, failure = null, claimed_by = null
      where seq = $1 and dispatched_at is null`,
    [seq, JSON.stringify(answer)],
  );
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
