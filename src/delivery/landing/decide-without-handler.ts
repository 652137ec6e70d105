import { STALE } from '../../events/postdate-events';
import type { Delivery } from '../../message/contract';
import { missingZoneOf, refuseRepeat } from '../../message/repeat';
import type { Queryable } from '../../platform/database/pool';
import type { Topic } from '../../topics/topic';
import type { Handled, NotReached } from './answers';
import type { Claimed } from './claims';

// Ten cycles due within ten seconds: no calendar asks for that. A handler that always answers "again, now" does.
const LOOP_CYCLES = 10;
const LOOP_MS = 10_000;

/** Decided without the handler, or not to be decided by this worker. */
type Decided = Exclude<Handled, NotReached>;

/**
 * What becomes of messages for which no handler is asked: a message later than its limit is skipped as `stale`, and one that
 * repeats faster than once a second ends as failed. One whose zone this worker does not know is left to a worker that does.
 */
export async function decideWithoutHandler(
  tx: Queryable,
  topic: Topic,
  claimed: Claimed[],
): Promise<Map<Delivery, Decided>> {
  const looping = await findLooping(tx, topic.name, claimed);
  const decided = new Map<Delivery, Decided>();
  for (const one of claimed) {
    const handled = looping.has(one.delivery) ? LOOPING : decide(topic, one);
    if (handled) decided.set(one.delivery, handled);
  }
  return decided;
}

const failed = (reason: string): Decided => ({ answer: { outcome: 'failed', reason } });
const LOOPING = failed('it repeats faster than once a second');

function decide(topic: Topic, { delivery: { message }, claimedAt }: Claimed): Decided | undefined {
  const { staleAfterMs = topic.staleAfterMs ?? Number.POSITIVE_INFINITY, repeat } = message;
  // The producer's zone data may be newer than this worker's.
  const missing = repeat && missingZoneOf(repeat);
  if (missing) return { error: new Error(`repeat.zone: the zone data of this worker lacks ${missing}`) };
  // Only a message started by hand can have such a rule. It ends here in sight, instead of being tried for ever.
  const refusal = repeat && refuseRepeat(repeat);
  if (refusal) return failed(`${refusal.field}: ${refusal.message}`);
  if (claimedAt - message.dueAt > staleAfterMs) return { answer: { outcome: 'skipped', reason: STALE } };
  return undefined;
}

/** Those of these deliveries that had ten cycles, the last ones, due within ten seconds. */
async function findLooping(tx: Queryable, topic: string, claimed: Claimed[]): Promise<Set<Delivery>> {
  const candidates = claimed.map(({ delivery }) => delivery).filter(({ message }) => message.cycle > LOOP_CYCLES);
  if (candidates.length === 0) return new Set();
  const { rows } = await tx.query<{ place: number }>(
    `select place::integer - 1 as place
       from unnest($2::text[], $3::text[], $4::integer[], $5::float8[])
         with ordinality as given (tenant, key, cycle, due_at, place)
      where (select count(*) filter (where outcome in ('delivered', 'skipped')
                                       and delivery.due_at > to_timestamp(given.due_at / 1000.0) - $6 * interval '1 ms')
               from postdate.delivery
              where topic = $1 and delivery.tenant = given.tenant and delivery.key = given.key
                and delivery.cycle < given.cycle and delivery.cycle >= given.cycle - $7) = $7`,
    [
      topic,
      candidates.map(({ message }) => message.tenant),
      candidates.map(({ message }) => message.key),
      candidates.map(({ message }) => message.cycle),
      candidates.map(({ message }) => message.dueAt),
      LOOP_MS,
      LOOP_CYCLES,
    ],
  );
  return new Set(rows.map(({ place }) => candidates[place] as Delivery));
}
