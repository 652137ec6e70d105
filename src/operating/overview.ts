import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { MessageRef } from '../message/contract';
import { isWithdrawn, type Outcome } from '../message/decision';
import type { Queryable } from '../platform/database/pool';
import { countWaiting } from '../producing/counts';
import { list, type Selection } from '../producing/list';
import type { MessageStatus } from '../producing/message-status';

/** What is due next, and what has just landed. Instants are RFC 3339. */
export interface Overview {
  at: string;
  /** The next to be due, the soonest first. */
  next: (MessageRef & { dueAt?: string })[];
  /** How many messages workers have in memory and in `postdate.held`, for each topic that has any. */
  held: { topic: string; messages: number }[];
  /** How many messages wait past their due time. */
  overdue: number;
  landedLastMinute: number;
  /**
   * The latest decisions of the last ten minutes, newest first. `lateByMs` is absent for cancelled and moved messages.
   */
  landed: (MessageRef & { cycle: number; outcome: Outcome; decidedAt: string; lateByMs?: number })[];
}

const SHOWN_MESSAGES = 10;
// Of a window with more messages, some of those due in it are shown: it is narrowed no further.
const MOST_LISTED = 200;
// Sorts after every instant: a due time that cannot be read takes no place of one that can.
const UNREADABLE = 'z';
const WINDOWS_MS = [10_000, 60_000, 600_000, 3_600_000, 86_400_000, 30 * 86_400_000];

/** Reads the overview from the database and from Temporal's visibility, which may be a second behind. */
export async function readOverview(
  { client, pool }: { client: Client; pool: Pool },
  selection: Selection,
): Promise<Overview> {
  const now = Date.now();
  const [next, overdue, held, landed] = await Promise.all([
    readNext(client, selection, now),
    countWaiting(client, { ...selection, dueTo: now }),
    countHeld(pool, selection),
    readLanded(pool, selection),
  ]);
  return { at: new Date(now).toISOString(), next, held, overdue, ...landed };
}

/** Visibility cannot sort by due time, so this lists the smallest window from now on that has enough messages in it. */
async function readNext(client: Client, selection: Selection, now: number): Promise<Overview['next']> {
  let window: Selection = { ...selection, state: 'waiting', dueFrom: now };
  for (const ms of WINDOWS_MS) {
    const within = { ...selection, dueFrom: now, dueTo: now + ms };
    if ((await countWaiting(client, within)) < SHOWN_MESSAGES) continue;
    window = { ...within, state: 'waiting' };
    break;
  }
  const found: MessageStatus[] = [];
  for await (const one of list(client, window)) if (found.push(one) >= MOST_LISTED) break;
  return found
    .sort((one, two) => (one.dueAt ?? UNREADABLE).localeCompare(two.dueAt ?? UNREADABLE))
    .slice(0, SHOWN_MESSAGES)
    .map(({ topic, tenant, key, dueAt }) => ({ topic, tenant, key, dueAt }));
}

async function countHeld(db: Queryable, { topic, tenant }: Selection): Promise<Overview['held']> {
  const { rows } = await db.query<{ topic: string; messages: number }>(
    `select topic, count(*)::integer as messages from postdate.held
      where ($1::text is null or topic = $1) and ($2::text is null or tenant = $2)
      group by topic order by topic`,
    [topic ?? null, tenant ?? null],
  );
  return rows;
}

interface LandedRow extends MessageRef {
  cycle: number;
  outcome: Outcome;
  decided_at: Date;
  late_by_ms: number;
  last_minute: number;
}

async function readLanded(
  db: Queryable,
  { topic, tenant }: Selection,
): Promise<Pick<Overview, 'landed' | 'landedLastMinute'>> {
  const { rows } = await db.query<LandedRow>(
    // statement_timestamp() and not clock_timestamp(): PostgreSQL can look it up in the index of decided_at.
    `select topic, tenant, key, cycle, outcome, decided_at,
            (extract(epoch from decided_at - due_at) * 1000)::float8 as late_by_ms,
            (count(*) filter (where decided_at > statement_timestamp() - interval '1 min') over ())::integer as last_minute
       from postdate.delivery
      where decided_at > statement_timestamp() - interval '10 min'
        and ($1::text is null or topic = $1) and ($2::text is null or tenant = $2)
      order by decided_at desc
      limit $3`,
    [topic ?? null, tenant ?? null, SHOWN_MESSAGES],
  );
  return {
    landedLastMinute: rows[0]?.last_minute ?? 0,
    landed: rows.map(({ decided_at, late_by_ms, last_minute: _, outcome, ...name }) => ({
      ...name,
      outcome,
      decidedAt: decided_at.toISOString(),
      lateByMs: isWithdrawn(outcome) ? undefined : Math.floor(late_by_ms),
    })),
  };
}
