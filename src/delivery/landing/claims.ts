import type { Delivery } from '../../message/contract';
import type { Decision } from '../../message/decision';
import { rfc3339 } from '../../message/due-time';
import { STABLE } from '../../message/lane-name';
import type { Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import { decisionFor, type FoundRow, LEDGER_COLUMNS } from '../ledger/ledger';
import { namesOf } from '../ledger/message-names';

/**
 * What a handler's answer makes of a claimed cycle. `last`: a repeating message ends with it. `seriesEnded`: so it does, as no
 * due time follows.
 */
export type Answer = Pick<Decision, 'outcome' | 'next' | 'reason'> & { last?: boolean; seriesEnded?: true };

/** A delivery with the instant, in epoch ms, at which this landing's transaction has claimed its cycle. */
export interface Claimed {
  delivery: Delivery;
  claimedAt: number;
}

/** A row that another transaction keeps locked must cost its group a moment, and then only its own message the wait. */
export const LOCK_TIMEOUT_MS = 500;

type Found = { decision: Decision; before: true } | { notDueForMs: number };

const idsOf = (deliveries: Delivery[]) => namesOf(deliveries.map(({ message }) => message));
const ID_ARRAYS = '$2::text[], $3::text[], $4::integer[]';
const dueTimes = (deliveries: Delivery[]) => deliveries.map(({ message }) => rfc3339(message.dueAt));

/**
 * Claims cycles of one topic for this landing's transaction, in the name of a lane. Returns the claimed ones, in the order
 * of `deliveries`: not those that are decided already, nor those that are not due by the database's clock. Waits for a
 * rival transaction on the same cycle to end.
 */
export async function claim(tx: Queryable, topic: string, deliveries: Delivery[], lane = STABLE): Promise<Claimed[]> {
  const { rows } = await tx.query<{ place: number; decided_at: Date }>({
    name: 'postdate.claim',
    text: `with due as (
       select * from unnest(${ID_ARRAYS}, $5::timestamptz[], $6::boolean[], $7::text[], $8::text[])
         with ordinality as given (tenant, key, cycle, due_at, late, post_id, lane_reason, place)
        where due_at <= clock_timestamp()
     ), claimed as (
       insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late, post_id, lane, lane_reason)
       -- in one order everywhere, so that two groups with the same rows wait for each other instead of deadlocking
       select $1, tenant, key, cycle, 'delivered', due_at, late, post_id, $9, lane_reason from due order by tenant, key, cycle
       on conflict do nothing
       returning tenant, key, cycle, decided_at
     )
     select place::integer - 1 as place, decided_at from due join claimed using (tenant, key, cycle)`,
    values: [
      topic,
      ...idsOf(deliveries),
      dueTimes(deliveries),
      deliveries.map(({ late }) => late),
      deliveries.map(({ message }) => message.postId ?? null),
      deliveries.map(({ laneReason }) => storable(laneReason)),
      lane,
    ],
  });
  const claimedAt = new Map(rows.map(({ place, decided_at }) => [place, decided_at.getTime()]));
  return deliveries.flatMap((delivery, place) => {
    const at = claimedAt.get(place);
    return at === undefined ? [] : [{ delivery, claimedAt: at }];
  });
}

/** Why each of these deliveries could not be claimed: decided before, or not due for so many ms (at least 1). */
export async function readUnclaimed(
  tx: Queryable,
  topic: string,
  deliveries: Delivery[],
): Promise<Map<Delivery, Found>> {
  if (deliveries.length === 0) return new Map();
  const { rows } = await tx.query<FoundRow & { ms: number }>(
    `select ${LEDGER_COLUMNS.replaceAll(/\w+/g, 'delivery.$&')},
            greatest(1, ceil(extract(epoch from given.due_at - clock_timestamp()) * 1000))::float8 as ms,
            (select max(cycle) from postdate.delivery as one
              where one.topic = $1 and one.tenant = given.tenant and one.key = given.key) as last_cycle
       from unnest(${ID_ARRAYS}, $5::timestamptz[]) with ordinality as given (tenant, key, cycle, due_at, place)
       left join postdate.delivery
         on delivery.topic = $1 and delivery.tenant = given.tenant and delivery.key = given.key
        and delivery.cycle = given.cycle
      order by place`,
    [topic, ...idsOf(deliveries), dueTimes(deliveries)],
  );
  return new Map(deliveries.map((delivery, place) => [delivery, found(delivery, rows[place] as (typeof rows)[0])]));
}

const found = ({ message }: Delivery, row: FoundRow & { ms: number }): Found =>
  row.outcome === null ? { notDueForMs: row.ms } : { decision: decisionFor(message, row), before: true };

/**
 * Writes answers into rows that this transaction has claimed, with this instant as that of the decision: the last statement of
 * a landing. Returns the instant, in epoch ms.
 */
export async function recordAnswers(
  tx: Queryable,
  topic: string,
  answered: { delivery: Delivery; answer: Answer }[],
): Promise<number> {
  const answers = answered.map(({ answer }) => answer);
  const { rows } = await tx.query<{ decided_at: Date }>({
    name: 'postdate.record-answers',
    text: `with ended as materialized (select clock_timestamp() as at),
     decided as (
       update postdate.delivery
          set outcome = given.outcome, next_cycle = given.next_cycle, next_due_at = given.next_due_at,
              reason = given.reason, claimed_at = decided_at,
              -- never before the claim, nor before it was due: the clock may have gone back meanwhile
              decided_at = greatest(decided_at, ended.at)
         from ended, unnest(${ID_ARRAYS}, $5::text[], $6::integer[], $7::timestamptz[], $8::text[])
           as given (tenant, key, cycle, outcome, next_cycle, next_due_at, reason)
        where delivery.topic = $1 and delivery.tenant = given.tenant and delivery.key = given.key
          and delivery.cycle = given.cycle
       returning decided_at)
     select max(decided_at) as decided_at from decided`,
    values: [
      topic,
      ...idsOf(answered.map(({ delivery }) => delivery)),
      answers.map(({ outcome }) => outcome),
      answers.map(({ next }) => next?.cycle ?? null),
      answers.map(({ next }) => (next ? rfc3339(next.dueAt) : null)),
      answers.map(({ reason }) => storable(reason)),
    ],
  });
  return (rows[0] as { decided_at: Date }).decided_at.getTime();
}

/** Takes claims of this transaction back: those messages are undecided again. */
export async function unclaim(tx: Queryable, topic: string, deliveries: Delivery[]): Promise<void> {
  await tx.query(
    `delete from postdate.delivery using unnest(${ID_ARRAYS}) as given (tenant, key, cycle)
      where delivery.topic = $1 and delivery.tenant = given.tenant and delivery.key = given.key
        and delivery.cycle = given.cycle`,
    [topic, ...idsOf(deliveries)],
  );
}
