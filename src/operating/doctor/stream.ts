import type { Pool } from 'pg';
import type { Publisher } from '../../events/brokers/publisher';
import type { Consumer } from '../../events/consumer';
import { countSetAside } from '../../events/set-aside-orders';
import { WEBHOOKS_CONSUMER } from '../../events/webhooks/queue';
import { oldestEventMs } from '../../platform/telemetry/gauges';
import { type Check, type Found, fail, ok, warn } from './finding';
import { checkMonths } from './outbox-months';

// The relay runs ten times a second, and a consumer with every hint.
const LATE_S = 60;

export const STREAM_CHECKS = ['outbox', 'outbox months', 'consumers', 'set aside'];

/** Checks that events get their positions in the stream, that consumers read them, and that none refuses any. */
export const streamChecks = (pool: Pool, consumers: Pick<Consumer, 'name'>[]): Check[] => [
  { name: 'outbox', run: () => checkOutbox(pool) },
  { name: 'outbox months', run: () => checkMonths(pool) },
  { name: 'consumers', run: () => checkConsumers(pool, consumers) },
  { name: 'set aside', run: () => checkSetAside(pool) },
];

/** Checks that each broker can be reached. The check of consumers tells how far its publisher is behind. */
export const publisherChecks = (publishers: Publisher[]): Check[] =>
  publishers.map((publisher) => ({ name: `publisher ${publisher.name}`, run: () => checkPublisher(publisher) }));

async function checkPublisher(publisher: Publisher): Promise<Found> {
  try {
    await publisher.connect();
    return ok('connected');
  } catch (error) {
    const todo = `start it, or check POSTDATE_${publisher.name.toUpperCase()}_…; events wait for it`;
    return fail((error as Error).message, todo);
  } finally {
    await publisher.close();
  }
}

async function checkOutbox(pool: Pool): Promise<Found> {
  const { rows } = await pool.query<{ waiting: number }>(
    'select count(*)::integer as waiting from postdate.outbox where position is null',
  );
  const { waiting = 0 } = rows[0] ?? {};
  if (waiting === 0) return ok('all events are in the stream');
  const ageS = (await oldestEventMs(pool)) / 1000;
  const says = `${waiting} events are not in the stream yet, the oldest for ${Math.round(ageS)} s`;
  return ageS > LATE_S ? fail(says, 'start a worker, whose relay carries them') : ok(says);
}

async function checkSetAside(pool: Pool): Promise<Found> {
  const aside = (await countSetAside(pool)).filter(({ events }) => events > 0);
  if (aside.length === 0) return ok('none');
  const says = aside.map(
    ({ consumer, events, since, reason }) =>
      `${events} events for ${consumer}, since ${since?.toISOString()}: ${reason ?? 'they wait behind others'}`,
  );
  return fail(says.join('; '), 'postdate events set-aside lists them, postdate events resend sends them again');
}

interface ConsumerRow {
  name: string;
  behind: number;
  /** How many seconds ago the first event that it has not read came into the stream. */
  age_s: number | null;
  /** The events that its partitions do not go past, with the reasons. */
  stopped_at: string[] | null;
}

async function checkConsumers(pool: Pool, consumers: Pick<Consumer, 'name'>[]): Promise<Found> {
  const { rows } = await pool.query<ConsumerRow>(
    `select coalesce(part_of, name) as name, max(head.position - consumer.position)::float8 as behind,
            max((select extract(epoch from clock_timestamp() - relayed_at)::float8 from postdate.outbox
                  where outbox.position > consumer.position order by outbox.position limit 1)) as age_s,
            array_agg(format('position %s, %s tries since %s: %s', failed_position, failures,
                             to_char(failed_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), failure)
                      order by failed_since) filter (where failures > 0) as stopped_at
       from postdate.consumer cross join postdate.stream_head as head
      where name <> $1
      group by coalesce(part_of, name)
      order by 1`,
    // The webhooks have a check of their own.
    [WEBHOOKS_CONSUMER],
  );
  const stopped = rows.flatMap(({ name, stopped_at }) =>
    (stopped_at ?? []).map((at) => `${name} has stopped at ${at}`),
  );
  if (stopped.length > 0) {
    return fail(stopped.join('; '), 'repair its listener, or give the event up with postdate events skip');
  }
  const installed = new Set(consumers.map(({ name }) => name));
  const late = rows.filter(({ age_s }) => (age_s ?? 0) > LATE_S);
  const says = late
    .map(({ name, behind, age_s }) => `${name} is ${behind} events behind, for ${Math.round(age_s ?? 0)} s`)
    .join('; ');
  if (late.some(({ name }) => installed.has(name))) {
    return fail(says, "its worker's log says why, at part consumer or publisher; without one, start a worker");
  }
  if (late.length > 0)
    return warn(says, 'if it is no longer run, delete its row in postdate.consumer: events are kept for it');
  const unknown = [...installed].filter((name) => !rows.some((row) => row.name === name));
  if (unknown.length > 0) return warn(`${unknown.join(', ')} has never read`, 'start a worker, which makes it known');
  return ok(rows.map(({ name, behind }) => `${name} ${behind} behind`).join(', ') || 'none installed');
}
