import type { Pool } from 'pg';

/** How many effects and events there really were, read from the tables that a business would look at. */
export interface EffectCounts {
  /** Rows that had their effect. */
  effects: number;
  /** Events that tell of them. */
  events: number;
  /** Effects and events beyond one for each message, and calls that found their row done already. */
  repeated: number;
  /** Effects committed before they were due, and calls that came before it. */
  early: number;
}

/** What really became of one run's messages. */
export interface Effects extends EffectCounts {
  /** Commit time minus due time of each effect; negative is early. */
  latenessMs: number[];
}

const LATENESS_MS = '(extract(epoch from pg_xact_commit_timestamp(xmin) - due_at) * 1000)::float8';

/** Where this contender's events are; `$1` is the run. */
export const applicationEvents = `
  select request_id as id from app.event where request_id like $1 || '.%'`;
/** Postdate's own events are in its outbox: the tenant is the run and the key the request. */
export const outboxEvents = `
  select split_part(aggregateid, '/', 2) as id from postdate.outbox where aggregateid like $1 || '/%'`;

/**
 * Reads the effects of a run with the commit times that PostgreSQL kept: the same clock and the same measure for every
 * contender. A contender's own figures do not count.
 */
export async function readEffects(pool: Pool, run: string, events = applicationEvents): Promise<Effects> {
  const lateness = await pool.query<{ ms: number }>(
    `select ${LATENESS_MS} as ms from app.request where run = $1 and status = 'EXPIRED'`,
    [run],
  );
  const { rows } = await pool.query<{ events: number; told: number; late: number; early: number }>(
    `with told as (${events}),
          missed as (
            select miss.at < request.due_at as early
              from app.miss join app.request on request.id = miss.request_id where request.run = $1
          )
     select (select count(*) from told)::int as events,
            (select count(distinct id) from told)::int as told,
            (select count(*) from missed where not early)::int as late,
            (select count(*) from missed where early)::int as early`,
    [run],
  );
  const [counted] = rows as [(typeof rows)[number]];
  const latenessMs = lateness.rows.map(({ ms }) => ms);
  return {
    effects: latenessMs.length,
    events: counted.events,
    repeated: counted.events - counted.told + counted.late,
    early: latenessMs.filter((ms) => ms < 0).length + counted.early,
    latenessMs,
  };
}

/** Promises the same measure of each effect by the id of its request. */
export async function readLateness(pool: Pool, run: string): Promise<Map<string, number>> {
  const { rows } = await pool.query<{ id: string; ms: number }>(
    `select id, ${LATENESS_MS} as ms from app.request where run = $1 and status = 'EXPIRED'`,
    [run],
  );
  return new Map(rows.map(({ id, ms }) => [id, ms]));
}

/** Promises that this server keeps commit times, or an error that says what is missing. */
export async function checkCommitTimes(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ setting: string }>(`select current_setting('track_commit_timestamp') as setting`);
  if (rows[0]?.setting !== 'on') throw new Error('PostgreSQL must run with track_commit_timestamp=on');
}
