import type { ScheduledMessage } from '../../message/contract';
import type { Decision, Outcome, WithdrawnOutcome } from '../../message/decision';
import { rfc3339 } from '../../message/due-time';
import type { Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import { fullNamesOf } from './message-names';

/** A decision as it lies in `postdate.delivery`. */
export interface LedgerRow {
  cycle: number;
  outcome: Outcome;
  decided_at: Date;
  next_cycle: number | null;
  next_due_at: Date | null;
  reason: string | null;
  command_id: string | null;
  post_id: string | null;
}

export const LEDGER_COLUMNS = 'cycle, outcome, decided_at, next_cycle, next_due_at, reason, command_id, post_id';

export const decisionOf = (row: LedgerRow): Decision => ({
  cycle: row.cycle,
  outcome: row.outcome,
  decidedAt: row.decided_at.getTime(),
  next:
    row.next_cycle !== null && row.next_due_at !== null
      ? { cycle: row.next_cycle, dueAt: row.next_due_at.getTime() }
      : undefined,
  reason: row.reason ?? undefined,
  commandId: row.command_id ?? undefined,
});

/** A row that was there before, with the last cycle of its name that is decided. */
export type FoundRow = LedgerRow & { last_cycle: number };

/** What a row of a message's cycle says to the message. */
type RowAnswer =
  | { kind: 'decided'; decision: Decision }
  /** An earlier post of the same name used the cycle. The message goes on, due when it is, with the first free cycle. */
  | { kind: 'takenByAnotherPost'; freeCycle: number; takenAt: number };

function answerOf(message: ScheduledMessage, row: FoundRow): RowAnswer {
  const anothers = message.postId !== undefined && row.post_id !== message.postId && row.cycle === message.cycle;
  if (!anothers) return { kind: 'decided', decision: decisionOf(row) };
  return { kind: 'takenByAnotherPost', freeCycle: row.last_cycle + 1, takenAt: row.decided_at.getTime() };
}

/**
 * The decision that a workflow is given for a row. A cycle that another post has taken reads as a move to the first free cycle,
 * though no row says `moved`: workflows of every release, and their recorded histories, know it in this form only.
 */
export function decisionFor(message: ScheduledMessage, row: FoundRow): Decision {
  const answer = answerOf(message, row);
  switch (answer.kind) {
    case 'decided':
      return answer.decision;
    case 'takenByAnotherPost': {
      const next = { cycle: answer.freeCycle, dueAt: message.dueAt };
      return { cycle: message.cycle, outcome: 'moved', decidedAt: answer.takenAt, next };
    }
  }
}

const idOf = ({ topic, tenant, key, cycle }: ScheduledMessage) => [topic, tenant, key, cycle];

/** What has been decided about the message's cycle, or by this command, if anything. */
export async function readDecision(
  db: Queryable,
  message: ScheduledMessage,
  commandId?: string,
): Promise<Decision | undefined> {
  const { rows } = await db.query<FoundRow>(
    `select ${LEDGER_COLUMNS},
            (select max(cycle) from postdate.delivery where topic = $1 and tenant = $2 and key = $3) as last_cycle
       from postdate.delivery
      where topic = $1 and tenant = $2 and key = $3 and (cycle = $4 or command_id = $5)
      order by command_id = $5 desc nulls last
      limit 1`,
    [...idOf(message), commandId ?? null],
  );
  return rows[0] && decisionFor(message, rows[0]);
}

/** The places in `messages` of those whose cycle is decided. */
export async function findDecided(db: Queryable, messages: ScheduledMessage[]): Promise<Set<number>> {
  const { rows } = await db.query<{ place: number }>(
    `select place::integer - 1 as place
       from unnest($1::text[], $2::text[], $3::text[], $4::integer[])
         with ordinality as given (topic, tenant, key, cycle, place)
       join postdate.delivery using (topic, tenant, key, cycle)`,
    fullNamesOf(messages),
  );
  return new Set(rows.map(({ place }) => place));
}

/** What a command makes of a cycle that is not decided yet. */
export interface Withdrawal extends Pick<Decision, 'next' | 'reason'> {
  outcome: WithdrawnOutcome;
  commandId: string;
}

/** Burns the cycle as cancelled or moved, unless it is decided already; answers what the ledger then says. */
export async function recordWithdrawal(
  db: Queryable,
  message: ScheduledMessage,
  { outcome, commandId, next, reason }: Withdrawal,
): Promise<Decision> {
  const { rows } = await db.query<LedgerRow>(
    // Held or not, it is no message any more that will be due: the roll call counts the held ones.
    `with unheld as (delete from postdate.held where topic = $1 and tenant = $2 and key = $3 and cycle = $4)
     insert into postdate.delivery
       (topic, tenant, key, cycle, outcome, due_at, late, next_cycle, next_due_at, reason, command_id, post_id)
     values ($1, $2, $3, $4, $5, $6, false, $7, $8, $9, $10, $11)
     on conflict do nothing
     returning ${LEDGER_COLUMNS}`,
    [
      ...idOf(message),
      outcome,
      rfc3339(message.dueAt),
      next?.cycle ?? null,
      next ? rfc3339(next.dueAt) : null,
      storable(reason),
      commandId,
      message.postId ?? null,
    ],
  );
  const decision = rows[0] ? decisionOf(rows[0]) : await readDecision(db, message, commandId);
  // Rows are never removed while their message lives, so this is a broken ledger: keep asking until an operator looks.
  if (!decision) throw new Error(`the ledger neither took nor has cycle ${message.cycle} of this message`);
  return decision;
}
