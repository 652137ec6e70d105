import type { Queryable } from '../../platform/database/pool';
import { type CycleName, namesOf } from '../ledger/message-names';

/** Counts the held messages of a topic that are due after `from` and not after `to`. Epoch ms. */
export async function countHeld(
  db: Queryable,
  topic: string,
  { from, to }: { from: number; to: number },
): Promise<number> {
  const { rows } = await db.query<{ messages: number }>(
    `select count(*)::integer as messages from postdate.held
      where topic = $1 and (delivery->'message'->>'dueAt')::bigint > $2
        and (delivery->'message'->>'dueAt')::bigint <= $3`,
    [topic, Math.round(from), Math.round(to)],
  );
  return rows[0]?.messages ?? 0;
}

/** The places in `cycles` of those that no worker holds and the ledger has not decided. */
export async function findMissing(db: Queryable, topic: string, cycles: CycleName[]): Promise<number[]> {
  const { rows } = await db.query<{ place: number }>(
    `select place::integer - 1 as place
       from unnest($2::text[], $3::text[], $4::integer[]) with ordinality as given (tenant, key, cycle, place)
      where not exists (select 1 from postdate.held
              where (topic, held.tenant, held.key, held.cycle) = ($1, given.tenant, given.key, given.cycle))
        and not exists (select 1 from postdate.delivery
              where (topic, delivery.tenant, delivery.key, delivery.cycle) = ($1, given.tenant, given.key, given.cycle))
      order by place`,
    [topic, ...namesOf(cycles)],
  );
  return rows.map(({ place }) => place);
}

/** The places of those of these messages whose cycle another post has used, and that no worker holds. */
export async function findTaken(
  db: Queryable,
  topic: string,
  messages: (CycleName & { postId?: string })[],
): Promise<number[]> {
  const { rows } = await db.query<{ place: number }>(
    `select place::integer - 1 as place
       from unnest($2::text[], $3::text[], $4::integer[], $5::text[]) with ordinality
         as given (tenant, key, cycle, post_id, place)
       join postdate.delivery on (topic, delivery.tenant, delivery.key, delivery.cycle) = ($1, given.tenant, given.key, given.cycle)
      where delivery.post_id is distinct from given.post_id
        and not exists (select 1 from postdate.held
              where (held.topic, held.tenant, held.key, held.cycle) = ($1, given.tenant, given.key, given.cycle))
      order by place`,
    [topic, ...namesOf(messages), messages.map(({ postId }) => postId ?? null)],
  );
  return rows.map(({ place }) => place);
}
