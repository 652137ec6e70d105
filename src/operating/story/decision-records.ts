import type { MessageRef } from '../../message/contract';
import { isWithdrawn, type Outcome } from '../../message/decision';
import { STABLE } from '../../message/lane-name';
import type { Queryable } from '../../platform/database/pool';
import type { TimelineEntry } from './timeline-entry';

interface DecisionRow {
  cycle: number;
  outcome: Outcome;
  decided_at: Date;
  due_at: Date;
  late: boolean;
  late_by_ms: number;
  next_cycle: number | null;
  next_due_at: Date | null;
  reason: string | null;
  command_id: string | null;
  lane: string | null;
  lane_reason: string | null;
}

/** Reads the entries of the newest `limit` decisions on a message from the ledger. */
export async function readDecisions(
  db: Queryable,
  { topic, tenant, key }: MessageRef,
  limit: number,
): Promise<TimelineEntry[]> {
  const { rows } = await db.query<DecisionRow>(
    `select cycle, outcome, decided_at, due_at, late, next_cycle, next_due_at, reason, command_id, lane, lane_reason,
            (extract(epoch from decided_at - due_at) * 1000)::float8 as late_by_ms
       from postdate.delivery
      where topic = $1 and tenant = $2 and key = $3
      order by cycle desc
      limit $4`,
    [topic, tenant, key, limit],
  );
  return rows.map((row) => {
    const withdrawn = isWithdrawn(row.outcome);
    const next = row.next_due_at && `cycle ${row.next_cycle} is due ${row.next_due_at.toISOString()}`;
    const lane = laneDetailOf(row);
    const wasDue = row.late && !withdrawn ? 'it was due when it was posted' : undefined;
    return {
      at: row.decided_at.toISOString(),
      source: 'ledger',
      what: row.outcome,
      cycle: row.cycle,
      commandId: row.command_id ?? undefined,
      lateByMs: withdrawn ? undefined : Math.floor(row.late_by_ms),
      detail: [row.reason, lane, wasDue, next].filter(Boolean).join('; ') || undefined,
    };
  });
}

/** Names the lane of a decision. Stable is named only if there was a reason for it. */
function laneDetailOf({ lane, lane_reason }: Pick<DecisionRow, 'lane' | 'lane_reason'>): string | undefined {
  if (lane === null || (lane === STABLE && lane_reason === null)) return undefined;
  return lane_reason === null ? `in lane ${lane}` : `in lane ${lane}: ${lane_reason}`;
}
