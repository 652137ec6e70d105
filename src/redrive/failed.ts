import type { Queryable } from '../database';

/** A message whose last cycle has failed. Instants are RFC 3339. */
export interface FailedMessage {
  topic: string;
  tenant: string;
  key: string;
  cycle: number;
  dueAt: string;
  failedAt: string;
  reason: string;
}

/** Which failed messages. `reason` is a part of it; `failedAfter` an instant. Absent: any. */
export interface FailedSelection {
  topic: string;
  tenant?: string;
  key?: string;
  reason?: string;
  failedAfter?: Date;
}

/** The selected messages that have failed and have not been redriven with success since, the earliest failure first. */
export async function findFailed(db: Queryable, selection: FailedSelection, limit: number): Promise<FailedMessage[]> {
  const { rows } = await db.query<Omit<FailedMessage, 'dueAt' | 'failedAt'> & { due_at: Date; decided_at: Date }>(
    `select topic, tenant, key, cycle, due_at, decided_at, coalesce(reason, '') as reason
       from postdate.delivery as failed
      where outcome = 'failed' and topic = $1
        and ($2::text is null or tenant = $2) and ($3::text is null or key = $3)
        and ($4::text is null or position($4 in reason) > 0)
        and ($5::timestamptz is null or decided_at > $5)
        and not exists (select 1 from postdate.delivery as later
                         where later.topic = failed.topic and later.tenant = failed.tenant and later.key = failed.key
                           and later.cycle > failed.cycle)
      order by decided_at
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
  return rows.map(({ due_at, decided_at, ...rest }) => ({
    ...rest,
    dueAt: due_at.toISOString(),
    failedAt: decided_at.toISOString(),
  }));
}
