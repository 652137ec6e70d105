import { NO_ROW } from '../../maintenance/reconcile';
import { OUTCOMES, type Outcome } from '../../message/decision';
import type { Queryable } from '../../platform/database/pool';
import type { Topic } from '../../topics/topic';

/**
 * The number of one tenant's cycles by state. Every posted cycle must have a state: `gap` are missing, or, below 0,
 * surplus.
 */
export interface Conservation extends Record<Outcome, number> {
  tenant: string;
  posted: number;
  waiting: number;
  /** Announced by the ledger, and overtaken by a later cycle, which was posted after its workflow was lost. */
  superseded: number;
  gap: number;
}

// Retention may have removed decisions on messages that were due before this instant: they are not missing.
export const REMOVED_BEFORE = `coalesce((select before from postdate.retention where what = 'ledger'), '-infinity')`;

/** All that a posted cycle can have come to. */
export const PARTS = ['waiting', ...OUTCOMES, 'superseded'] as const;

// For a topic without business rows only the ledger is known. An audit cannot find that it has lost a whole message.
const businessRowsOf = ({ businessRows }: Topic) =>
  businessRows ??
  `select distinct tenant, key, null::text as told, false as waits, null::timestamptz as due_at
     from postdate.delivery where topic = $1`;

/**
 * Counts the posted cycles of a topic, and their states, by tenant. Business rows give the first cycle of each message;
 * ledger, redrives and answers announce each next one. A cycle without a decision is waiting, unless its row shows an
 * effect that no decision explains. Uses the caller's snapshot.
 */
export async function countConservation(tx: Queryable, topic: Topic): Promise<Conservation[]> {
  const { rows } = await tx.query<{ tenant: string; parts: Record<string, number> }>(
    `with business as (select tenant, key, told, waits or due_at > ${REMOVED_BEFORE} as expected
                         from (${businessRowsOf(topic)}) as business),
          decided as (select tenant, key, cycle, outcome, next_cycle, reason from postdate.delivery where topic = $1),
          -- and those that reconciling has ended because they have no row
          known as (select tenant, key from business union select tenant, key from decided where reason = '${NO_ROW}'),
          last as (select tenant, key, max(cycle) as cycle, bool_or(outcome = 'delivered') as delivered
                     from decided group by tenant, key),
          announced as (select tenant, key, next_cycle as cycle from decided where next_cycle is not null
                        union select tenant, key, cycle from postdate.redrive where topic = $1
                        union select tenant, key, next_cycle from postdate.answer
                               where topic = $1 and next_cycle is not null),
          open as (select announced.*, announced.cycle < last.cycle as overtaken, last.delivered
                     from announced join last using (tenant, key)
                    where not exists (select 1 from decided where (decided.tenant, decided.key, decided.cycle)
                                                                = (announced.tenant, announced.key, announced.cycle))),
          parts as (
            select tenant, 'posted' as part from decided join known using (tenant, key)
             where not exists (select 1 from announced where (announced.tenant, announced.key, announced.cycle)
                                                           = (decided.tenant, decided.key, decided.cycle))
            union all select tenant, 'posted' from announced join known using (tenant, key)
            union all select tenant, 'posted' from business left join last using (tenant, key)
                       where last.cycle is null and expected
            union all select tenant, outcome from decided
            union all select tenant, 'superseded' from open where overtaken
            union all select tenant, 'waiting' from open join business using (tenant, key)
                       where not overtaken and (told is null or delivered)
            union all select tenant, 'waiting' from business left join last using (tenant, key)
                       where last.cycle is null and told is null and expected),
          counts as (select tenant, part, count(*)::float8 as cycles from parts group by tenant, part)
     select tenant, jsonb_object_agg(part, cycles) as parts from counts group by tenant order by tenant`,
    [topic.name],
  );
  return rows.map(({ tenant, parts }) => {
    const of = (part: string) => parts[part] ?? 0;
    const counted = Object.fromEntries(PARTS.map((part) => [part, of(part)])) as Record<(typeof PARTS)[number], number>;
    const gap = of('posted') - PARTS.reduce((sum, part) => sum + of(part), 0);
    return { tenant, posted: of('posted'), ...counted, gap };
  });
}
