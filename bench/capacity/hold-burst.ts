import type { Client } from '@temporalio/client';
import { schedule } from '../../src/client';
import { countExpired, insertRequests, requestId, settleDatabase } from '../harness/application';
import { closedLoop } from '../harness/closed-loop';
import { drained } from '../harness/drained';
import { untilAnswered } from '../harness/until-answered';
import type { Installation } from './installation';

/** Messages that are due at one instant, and how their tenants spread over installations. */
export interface Burst {
  messages: number;
  installations: Installation[];
  /** The tenant of the message of this number, from 0 on. Its name begins with the run's. */
  tenantOf(run: string, index: number): string;
  /** The rule. */
  installationOf(tenant: string): Installation;
}

/** A burst of which all messages are held, some time before they are due. */
export interface HeldBurst {
  dueAt: number;
  /** Posted and held. */
  postedPerSecond: number;
  /** By installation, the largest first. */
  heldByWorker: number[];
}

const POSTS_AT_A_TIME = 50;
const LOOK_MS = 200;
// For the rows, a vacuum and a checkpoint.
const SETTLING_MS = 2_000;
const PROBES = 200;
// A slow machine holds so many a second. The probes are due by then.
const PROBES_PER_SECOND = 40;
// The rate of the first ones may not be kept. Too early an instant would spoil the burst.
const RESERVE = 1.5;
const STANDSTILL_MS = 60_000;

/** Has all messages of a burst posted and held. Undefined if not all were held `quietMs` before the due instant. */
export async function holdBurst(
  client: Client,
  burst: Burst,
  { run, quietMs }: { run: string; quietMs: number },
): Promise<HeldBurst | undefined> {
  const probes = Math.min(PROBES, burst.messages);
  const probeDueAt = Date.now() + SETTLING_MS + (probes * 1_000) / PROBES_PER_SECOND;
  const perSecondAtFirst = await postAndHold(client, burst, { run: `probe-${run}`, count: probes, dueAt: probeDueAt });
  await untilLanded(burst, `probe-${run}`, probes);

  const postingMs = (burst.messages / perSecondAtFirst) * 1_000 * RESERVE;
  // Whole milliseconds are what a message has.
  const dueAt = Math.ceil(Date.now() + SETTLING_MS + postingMs + 2 * quietMs);
  const postedPerSecond = await postAndHold(client, burst, { run, count: burst.messages, dueAt });
  if (Date.now() > dueAt - quietMs) {
    await untilLanded(burst, run, burst.messages);
    return undefined;
  }
  const held = await Promise.all(burst.installations.map((installation) => countHeld(installation, run)));
  return { dueAt, postedPerSecond, heldByWorker: held.flat() };
}

/** Posts the first so many messages, whose rows are there first, and waits until all are held. Returns how many a second. */
async function postAndHold(
  client: Client,
  { installations, tenantOf, installationOf }: Burst,
  { run, count, dueAt }: { run: string; count: number; dueAt: number },
): Promise<number> {
  const inEach = new Map(installations.map((one) => [one, 0]));
  const posts = Array.from({ length: count }, (_, index) => {
    const tenant = tenantOf(run, index);
    const installation = installationOf(tenant);
    const number = (inEach.get(installation) ?? 0) + 1;
    inEach.set(installation, number);
    return { tenant, key: requestId(run, number), topic: installation.topics.burst };
  });
  for (const [{ database }, requests] of inEach) {
    await insertRequests(database.pool, run, requests, new Date(dueAt));
    await settleDatabase(database.pool);
  }
  const startedAt = performance.now();
  await closedLoop({ count, concurrency: POSTS_AT_A_TIME }, (index) => {
    const { tenant, key, topic } = posts[index] as (typeof posts)[number];
    const post = { topic, tenant, key, dueAt, payload: {} };
    return untilAnswered(() => schedule(client, post, { commandId: `${tenant}/${key}` }));
  });
  const tenants = [...new Set(posts.map(({ tenant }) => tenant))];
  const left = await drained(async () => count - (await countKept(installations, tenants)), STANDSTILL_MS, LOOK_MS);
  if (left > 0) throw new Error(`${run}: ${left} of ${count} messages were not held`);
  return count / ((performance.now() - startedAt) / 1_000);
}

/** How many messages of these tenants are held, or have landed. */
async function countKept(installations: Installation[], tenants: string[]): Promise<number> {
  const each = installations.map(async ({ database: { pool }, topics }) => {
    const { rows } = await pool.query<{ kept: number }>(
      `select count(*)::int as kept
         from (select tenant, key from postdate.held where topic = $1 and tenant = any($2)
               union select tenant, key from postdate.delivery where topic = $1 and tenant = any($2)) as kept`,
      [topics.burst.name, tenants],
    );
    return rows[0]?.kept ?? 0;
  });
  return (await Promise.all(each)).reduce((sum, kept) => sum + kept, 0);
}

async function countHeld({ database: { pool }, topics }: Installation, run: string): Promise<number[]> {
  const { rows } = await pool.query<{ held: number }>(
    `select count(*)::int as held from postdate.held
      where topic = $1 and tenant like $2 || '%' group by worker order by 1 desc`,
    [topics.burst.name, run],
  );
  return rows.map(({ held }) => held);
}

/** Resolves when so many effects of a run are there, in all installations together. */
async function untilLanded({ installations }: Burst, run: string, count: number): Promise<void> {
  const expired = () => Promise.all(installations.map(({ database }) => countExpired(database.pool, run)));
  const left = await drained(async () => count - (await expired()).reduce((sum, one) => sum + one, 0), STANDSTILL_MS);
  if (left > 0) throw new Error(`${run}: ${left} of ${count} messages did not land`);
}
