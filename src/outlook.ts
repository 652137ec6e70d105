import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { MessageRef } from './contract';
import { countWaiting } from './counts';
import type { Queryable } from './database';
import { isWithdrawn, type Outcome } from './decision';
import { list, type MessageStatus, type Selection } from './lookup';

/** What is about to happen, and what just has. Instants are RFC 3339. */
export interface Outlook {
  at: string;
  /** The next to be due, the soonest first. */
  next: (MessageRef & { dueAt?: string })[];
  /** Messages in workers' memory that others could take over, of each topic that has any. */
  held: { topic: string; messages: number }[];
  /** Waiting past their due time. */
  overdue: number;
  landedLastMinute: number;
  /** The last to be decided within ten minutes, the newest first. `lateByMs`: of those that were due. */
  landed: (MessageRef & { cycle: number; outcome: Outcome; decidedAt: string; lateByMs?: number })[];
}

const SHOWN = 10;
// A window with more is narrowed no further: some of those due in it are shown.
const LOOKED_AT = 200;
const WINDOWS_MS = [10_000, 60_000, 600_000, 3_600_000, 86_400_000, 30 * 86_400_000];

/** Reads the outlook, from Temporal's visibility (which may be a second behind) and the database. */
export async function outlookOf(
  { client, pool }: { client: Client; pool: Pool },
  selection: Selection,
): Promise<Outlook> {
  const now = Date.now();
  const [next, overdue, held, landed] = await Promise.all([
    nextOf(client, selection, now),
    countWaiting(client, { ...selection, dueTo: now }),
    heldOf(pool, selection),
    landedOf(pool, selection),
  ]);
  return { at: new Date(now).toISOString(), next, held, overdue, ...landed };
}

/** Visibility has no order by due time, so the smallest window from now on is looked through that has enough in it. */
async function nextOf(client: Client, selection: Selection, now: number): Promise<Outlook['next']> {
  let window: Selection = { ...selection, state: 'waiting', dueFrom: now };
  for (const ms of WINDOWS_MS) {
    const within = { ...selection, dueFrom: now, dueTo: now + ms };
    if ((await countWaiting(client, within)) < SHOWN) continue;
    window = { ...within, state: 'waiting' };
    break;
  }
  const found: MessageStatus[] = [];
  for await (const one of list(client, window)) if (found.push(one) >= LOOKED_AT) break;
  return found
    .sort((one, two) => (one.dueAt ?? '').localeCompare(two.dueAt ?? ''))
    .slice(0, SHOWN)
    .map(({ topic, tenant, key, dueAt }) => ({ topic, tenant, key, dueAt }));
}

async function heldOf(db: Queryable, { topic, tenant }: Selection): Promise<Outlook['held']> {
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

async function landedOf(
  db: Queryable,
  { topic, tenant }: Selection,
): Promise<Pick<Outlook, 'landed' | 'landedLastMinute'>> {
  const { rows } = await db.query<LandedRow>(
    // statement_timestamp(), as it can be looked up in the index of decided_at.
    `select topic, tenant, key, cycle, outcome, decided_at,
            (extract(epoch from decided_at - due_at) * 1000)::float8 as late_by_ms,
            (count(*) filter (where decided_at > statement_timestamp() - interval '1 min') over ())::integer as last_minute
       from postdate.delivery
      where decided_at > statement_timestamp() - interval '10 min'
        and ($1::text is null or topic = $1) and ($2::text is null or tenant = $2)
      order by decided_at desc
      limit $3`,
    [topic ?? null, tenant ?? null, SHOWN],
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
