import type { Queryable } from '../../platform/database/pool';
import { type CycleName, namesOf } from './message-names';

/** A message whose run has ended. `dueAt`: RFC 3339. `postId`: of its post; absent if any post with that cycle counts. */
export interface EndedCycle extends CycleName {
  dueAt: string;
  postId?: string;
}

/**
 * The places in `cycles` of those that the ledger has not ended, and whether their cycle is undecided for that post. A decided one has a
 * next cycle, of which the ledger knows nothing. Left out are those of which retention may have removed the decision.
 */
export async function findNotEnded(
  db: Queryable,
  topic: string,
  cycles: EndedCycle[],
): Promise<{ place: number; isUndecided: boolean }[]> {
  const { rows } = await db.query<{ place: number; undecided: boolean }>(
    `select place::integer - 1 as place, mine.cycle is null as undecided
       from unnest($2::text[], $3::text[], $4::integer[], $5::text[], $6::timestamptz[]) with ordinality
         as given (tenant, key, cycle, post_id, due_at, place)
       left join postdate.delivery as mine
         on (mine.topic, mine.tenant, mine.key, mine.cycle) = ($1, given.tenant, given.key, given.cycle)
        and (given.post_id is null or mine.post_id is not distinct from given.post_id)
      where given.due_at > coalesce((select before from postdate.retention where what = 'ledger'), '-infinity')
        and (mine.cycle is null
             or mine.next_cycle is not null
                and not exists (select 1 from postdate.delivery as next
                        where (next.topic, next.tenant, next.key, next.cycle) = ($1, mine.tenant, mine.key, mine.next_cycle)))
      order by place`,
    [topic, ...namesOf(cycles), cycles.map(({ postId }) => postId ?? null), cycles.map(({ dueAt }) => dueAt)],
  );
  return rows.map(({ place, undecided }) => ({ place, isUndecided: undecided }));
}
