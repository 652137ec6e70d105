import type { Queryable } from '../../platform/database/pool';

/** A message that failed in its last cycle, in its landing or by its consumer's answer. Instants are RFC 3339. */
export interface FailedMessage {
  topic: string;
  tenant: string;
  key: string;
  cycle: number;
  dueAt: string;
  failedAt: string;
  reason: string;
}

/** Which failed messages. `reason`: a part of their reason. An absent field selects all. */
export interface FailedSelection {
  topic: string;
  tenant?: string;
  key?: string;
  reason?: string;
  failedAfter?: Date;
}

/** Finds the selected messages that failed and have no later decision, the earliest failure first, at most `limit`. */
export async function findFailed(db: Queryable, selection: FailedSelection, limit: number): Promise<FailedMessage[]> {
  const { rows } = await db.query<Omit<FailedMessage, 'dueAt' | 'failedAt'> & { due_at: Date; failed_at: Date }>(
    `with failed as (
       select topic, tenant, key, cycle, due_at, decided_at as failed_at, reason
         from postdate.delivery where outcome = 'failed' and topic = $1
       -- and delivered messages that their consumer has answered as failed; in a series the next cycle exists already
       union all
       select topic, tenant, key, cycle, due_at, answered_at, answer.reason
         from postdate.answer join postdate.delivery using (topic, tenant, key, cycle)
        where answer = 'failed' and topic = $1 and delivery.next_cycle is null)
     select topic, tenant, key, cycle, due_at, failed_at, coalesce(reason, '') as reason
       from failed
      where ($2::text is null or tenant = $2) and ($3::text is null or key = $3)
        and ($4::text is null or position($4 in reason) > 0)
        and ($5::timestamptz is null or failed_at > $5)
        and not exists (select 1 from postdate.delivery as later
                         where later.topic = failed.topic and later.tenant = failed.tenant and later.key = failed.key
                           and later.cycle > failed.cycle)
      order by failed_at
      limit $6`,
    [
      selection.topic,
      selection.tenant ?? null,
      selection.key ?? null,
      selection.reason ?? null,
      selection.failedAfter ?? null,
      limit,
    ],
  );
  return rows.map(({ due_at, failed_at, ...rest }) => ({
    ...rest,
    dueAt: due_at.toISOString(),
    failedAt: failed_at.toISOString(),
  }));
}
