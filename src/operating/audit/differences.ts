import type { Queryable } from '../../platform/database/pool';
import { hasRows, type TopicWithRows } from '../../topics/business-rows';
import type { Topic } from '../../topics/topic';
import { REMOVED_BEFORE } from './conservation';

/** Two records that disagree, with the id that they are about. */
export interface Difference {
  kind: DifferenceKind;
  topic: string;
  /** `tenant/key`, or an event's id. */
  id: string;
}

export type DifferenceKind = (typeof KINDS)[number];
const KINDS = [
  'effectWithoutDecision',
  'decisionWithoutEffect',
  'effectWithoutEvent',
  'eventWithoutDecision',
  'rowWaitsThoughDecided',
  'overdue',
  'notRelayed',
] as const;

// Deliveries and events in progress have this long to finish.
const GRACE_SECONDS = 60;
const GRACE = `interval '${GRACE_SECONDS} seconds'`;

const EVENTS_REMOVED_BEFORE = `coalesce((select before from postdate.retention where what = 'outbox'), '-infinity')`;

// Instants are compared as text, in the form in which the outbox has them: any program with the right to write there may have
// written a row without one, and a cast of such a row would end the whole audit.
const asText = (instant: string): string =>
  `coalesce(to_char(nullif(${instant}, '-infinity') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '') collate "C"`;

// Each query gives the ids of one kind for topic $1. `business`: its business rows. `final`: the last decision on each
// message that has no next cycle.
const differenceQueriesOf = ({
  businessRows,
}: TopicWithRows): Record<Exclude<DifferenceKind, 'notRelayed'>, string> => {
  const withParts = `with business as (${businessRows}), final as (
      select tenant, key, cycle, outcome from postdate.delivery as one
       where topic = $1 and next_cycle is null
         and not exists (select 1 from postdate.delivery as later
                          where later.topic = $1 and later.tenant = one.tenant and later.key = one.key
                            and later.cycle > one.cycle))`;
  return {
    // A decision on any cycle explains the effect: after a restored backup the last cycle may be newer than the row.
    effectWithoutDecision: `${withParts} select tenant || '/' || key as id from business
        where told is not null and due_at > ${REMOVED_BEFORE}
          and not exists (select 1 from postdate.delivery as one
                           where one.topic = $1 and one.tenant = business.tenant and one.key = business.key
                             and one.outcome = 'delivered' and one.next_cycle is null)`,
    decisionWithoutEffect: `${withParts} select final.tenant || '/' || final.key as id from final left join business using (tenant, key)
        where outcome = 'delivered' and told is null`,
    effectWithoutEvent: `${withParts} select tenant || '/' || key as id from business
        where told is not null and due_at > ${EVENTS_REMOVED_BEFORE}
          and not exists (select 1 from postdate.outbox
                           where aggregatetype = $1 and aggregateid = tenant || '/' || key and type = told)`,
    eventWithoutDecision: `${withParts} select outbox.id from postdate.outbox
        where aggregatetype = $1 and type in (select told from business)
          and not exists (select 1 from postdate.delivery
                           where topic = $1 and tenant = payload->>'tenant' and outcome = 'delivered'
                             and tenant || '/' || key = aggregateid and cycle::text = payload->>'cycle')
          and payload->>'time' > ${asText(REMOVED_BEFORE)}`,
    rowWaitsThoughDecided: `${withParts} select business.tenant || '/' || business.key as id from business join final using (tenant, key)
        where waits and final.cycle >= business.cycle
          and not exists (select 1 from postdate.redrive
                           where topic = $1 and redrive.tenant = final.tenant and redrive.key = final.key
                             and redrive.cycle > final.cycle)`,
    overdue: `${withParts} select tenant || '/' || key as id from business left join final using (tenant, key)
        where waits and due_at < clock_timestamp() - ${GRACE} and final.key is null`,
  };
};

const NOT_RELAYED = `select id from postdate.outbox
  where aggregatetype = $1 and position is null and coalesce(payload->>'time', '') < ${asText(`clock_timestamp() - ${GRACE}`)}`;

/** Finds where business rows, ledger, events and stream of a topic disagree. Uses the caller's snapshot. */
export async function findDifferences(tx: Queryable, topic: Topic): Promise<Difference[]> {
  const queries: Partial<Record<DifferenceKind, string>> = {
    ...(hasRows(topic) ? differenceQueriesOf(topic) : {}),
    notRelayed: NOT_RELAYED,
  };
  const differences: Difference[] = [];
  for (const kind of KINDS) {
    const query = queries[kind];
    if (!query) continue;
    const { rows } = await tx.query<{ id: string }>(`${query} order by 1`, [topic.name]);
    for (const { id } of rows) differences.push({ kind, topic: topic.name, id });
  }
  return differences;
}
