import type { CommandName } from '../commands';
import type { MessageRef } from '../contract';
import type { Queryable } from '../database';
import { WORKER_IS_WELL } from '../hold/worker-registry';
import { storable } from '../ledger';

/** What a producer has committed and Temporal does not know of yet. `body` is as postdate.schedule, cancel or move wrote it. */
export interface WaitingCommand extends MessageRef {
  seq: string;
  what: CommandName;
  commandId: string;
  body: unknown;
}

// Longer than the calls that a command takes can last, so that it ends only for a dispatcher that hangs.
const CLAIM_S = 60;
const LONGEST_PAUSE_S = 60;

// Free again also when its dispatcher is dead, or when the clock that wrote it was wrong.
const IS_FREE = `(waiting.next_try_at not between clock_timestamp() and clock_timestamp() + interval '${CLAIM_S + 1} s'
                  or (waiting.claimed_by is not null and not exists (
                        select 1 from postdate.worker where id = waiting.claimed_by and ${WORKER_IS_WELL})))`;

/**
 * Gives a worker commands to carry out, of each message the first that waits. They are its own for a minute, or until it dies:
 * no transaction is open meanwhile, and one that is carried out twice is one command.
 */
export async function claimCommands(
  db: Queryable,
  worker: string,
  { topics, limit }: { topics: string[]; limit: number },
): Promise<WaitingCommand[]> {
  const { rows } = await db.query<WaitingCommand>(
    // Materialized, or a nested loop runs it anew for each row, skips what it has locked itself, and takes far too many.
    // After an outage there are no statistics of what waits, so each part is worded for the one index that suits it: what
    // waits is read by command_waiting alone, and the commands of one message by the primary key alone.
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

/** Writes down what became of a command, after which the message's next one is free. */
export async function answerCommand(db: Queryable, { seq }: WaitingCommand, answer: object): Promise<void> {
  await db.query(
    `update postdate.command set dispatched_at = clock_timestamp(), answer = $2, failure = null, claimed_by = null
      where seq = $1 and dispatched_at is null`,
    [seq, JSON.stringify(answer)],
  );
}

/** Gives a command back that could not be carried out, to be tried again after a pause that doubles with each try. */
export async function putBackCommand(
  db: Queryable,
  worker: string,
  { seq }: WaitingCommand,
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

/** For how many ms the oldest command of all has waited; 0 when none does. */
export async function oldestWaitingMs(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ ms: number }>(
    `select greatest(0, extract(epoch from clock_timestamp() - posted_at))::float8 * 1000 as ms
       from postdate.command where dispatched_at is null order by seq limit 1`,
  );
  return rows[0]?.ms ?? 0;
}
