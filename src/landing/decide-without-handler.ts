import type { Delivery } from '../contract';
import type { Queryable } from '../database';
import { refuseRepeat } from '../repeat';
import type { Topic } from '../topic';
import type { Answer } from './claims';
import { STALE } from './outcome-events';

/** A delivery whose cycle this landing's transaction has claimed, and when. Epoch ms. */
export interface Claimed {
  delivery: Delivery;
  decidedAt: number;
}

// Ten cycles due within ten seconds: no calendar asks for that, and a handler that answers "again, now" does.
const LOOP_CYCLES = 10;
const LOOP_MS = 10_000;

/**
 * What is decided without asking a handler, by place: what is later than its limit is skipped as `stale`, and what repeats
 * faster than once a second ends as failed.
 */
export async function decideWithoutHandler(
  tx: Queryable,
  topic: Topic,
  claimed: Claimed[],
): Promise<Map<number, Answer>> {
  const looping = await findLooping(tx, topic.name, claimed);
  const answers = new Map<number, Answer>();
  for (const [place, one] of claimed.entries()) {
    const answer = looping.has(place) ? LOOPING : answerTo(topic, one);
    if (answer) answers.set(place, answer);
  }
  return answers;
}

const LOOPING: Answer = { outcome: 'failed', reason: 'it repeats faster than once a second' };

function answerTo(topic: Topic, { delivery: { message }, decidedAt }: Claimed): Answer | undefined {
  const { staleAfterMs = topic.staleAfterMs ?? Number.POSITIVE_INFINITY, repeat } = message;
  // Only one started by hand can have it; found here it ends in sight, instead of being tried for ever.
  const refusal = repeat && refuseRepeat(repeat);
  if (refusal) return { outcome: 'failed', reason: `${refusal.field}: ${refusal.message}` };
  if (decidedAt - message.dueAt > staleAfterMs) return { outcome: 'skipped', reason: STALE };
  return undefined;
}

async function findLooping(tx: Queryable, topic: string, claimed: Claimed[]): Promise<Set<number>> {
  const places = claimed.flatMap(({ delivery }, place) => (delivery.message.cycle > LOOP_CYCLES ? [place] : []));
  if (places.length === 0) return new Set();
  const messages = places.map((place) => (claimed[place] as Claimed).delivery.message);
  const { rows } = await tx.query<{ place: number }>(
    `select place::integer as place
       from unnest($2::text[], $3::text[], $4::integer[], $5::float8[], $6::integer[])
         as given (tenant, key, cycle, due_at, place)
      where (select count(*) filter (where outcome in ('delivered', 'skipped')
                                       and delivery.due_at > to_timestamp(given.due_at / 1000.0) - $7 * interval '1 ms')
               from postdate.delivery
              where topic = $1 and delivery.tenant = given.tenant and delivery.key = given.key
                and delivery.cycle < given.cycle and delivery.cycle >= given.cycle - $8) = $8`,
    [
      topic,
      messages.map(({ tenant }) => tenant),
      messages.map(({ key }) => key),
      messages.map(({ cycle }) => cycle),
      messages.map(({ dueAt }) => dueAt),
      places,
      LOOP_MS,
      LOOP_CYCLES,
    ],
  );
  return new Set(rows.map(({ place }) => place));
}
