import { WORKER_IS_WELL } from '../../platform/database/worker-registry';

// Longer than the calls of a command can last. The claim therefore expires only for a dispatcher that hangs.
export const CLAIM_S = 60;

// A claim is also void if its dispatcher is dead, or if a wrong clock wrote its end.
/** SQL: whether a waiting command can be claimed. */
export const isFree = (row: string) =>
  `(${row}.next_try_at not between clock_timestamp() and clock_timestamp() + interval '${CLAIM_S + 1} s'
    or (${row}.claimed_by is not null and not exists (
          select 1 from postdate.worker where id = ${row}.claimed_by and ${WORKER_IS_WELL})))`;

// Only the first waiting command of a message may be claimed: that keeps their order. It goes when the most urgent of
// them is to go.
/** SQL: the waiting commands of a tenant whose message's first command, `first`, can be claimed. */
export const firstOfMessages = (tenant: string, topics: string, withinS: string) =>
  `postdate.dispatch_queue as waiting
   cross join lateral (select first.seq, first.next_try_at, first.claimed_by from postdate.dispatch_queue as first
                        where first.topic = waiting.topic and first.tenant = waiting.tenant and first.key = waiting.key
                        order by first.seq limit 1) as first
   where waiting.tenant = ${tenant} and array_position(${topics}, waiting.topic) is not null
     and waiting.due_at <= coalesce(statement_timestamp() + make_interval(secs => ${withinS}), 'infinity')
     and ${isFree('first')}`;

/** Which commands: of these topics, and due within so many seconds if that is given. */
export interface CommandsWanted {
  topics: string[];
  withinS?: number;
}
