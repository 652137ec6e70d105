import { nanoid } from 'nanoid';
import { schedule } from '../../src/client';
import { eventually } from './eventually';
import { type Conduct, topicOfBuild } from './lane-topic';
import { type LocalProcess, runLocal } from './local-process';
import type { TestTemporal } from './temporal';

const POSTING_AT_ONCE = 50;
const PATIENCE_MS = 600_000;
// Long enough for a thousand to be held straight away, and no longer: what is lost on its way from Temporal to a worker is
// tried again a lead and half a minute later.
const LEAD_MS = 180_000;

interface LaneWorkerOptions {
  lane?: string;
  conduct?: Conduct;
  leadMs?: number;
  landingGroup?: number;
}

/** Workers of builds named after their lanes, each a process of its own; none is left after a test. */
export function useLaneWorkers(temporal: TestTemporal, database: { url: string }) {
  const running: LocalProcess[] = [];
  afterEach(async () => {
    for (const worker of running.splice(0)) {
      worker.signal('SIGKILL');
      await worker.exitCode;
    }
  });
  return async ({
    lane = 'stable',
    conduct = 'lands',
    leadMs = LEAD_MS,
    landingGroup = 500,
  }: LaneWorkerOptions = {}) => {
    const worker = runLocal('test/support/lane-worker.ts', {
      env: {
        ...temporal.envFor(database),
        POSTDATE_LANE: lane,
        POSTDATE_BUILD: lane,
        POSTDATE_LANDING_GROUP: String(landingGroup),
        BUILD_CONDUCT: conduct,
        BUILD_LEAD_MS: String(leadMs),
      },
    });
    running.push(worker);
    await worker.prints(/worker is running/);
    return worker;
  };
}

export interface Posted {
  tenant: string;
  key: string;
  dueAt: number;
}

/** Posts so many messages of each tenant, all due at one instant. */
export async function postOf(
  temporal: TestTemporal,
  tenants: string[],
  {
    each,
    dueAt,
    leadMs = LEAD_MS,
    payload = {},
  }: { each: number; dueAt: number; leadMs?: number; payload?: { currency?: string } },
): Promise<Posted[]> {
  const topic = topicOfBuild('producer', 'lands', leadMs);
  const all = tenants.flatMap((tenant) => Array.from({ length: each }, () => ({ tenant, key: nanoid(), dueAt })));
  const waiting = [...all];
  const posting = Array.from({ length: POSTING_AT_ONCE }, async () => {
    for (let one = waiting.pop(); one; one = waiting.pop()) {
      await schedule(temporal.client, { topic, payload, ...one });
    }
  });
  await Promise.all(posting);
  return all;
}

interface TestPool {
  query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

/** Resolves once so many messages due then are held for each lane by a worker. That is before they are due, or never. */
export const heldIn = (pool: TestPool, dueAt: number, lanes: Record<string, number>) =>
  eventually(
    async () => {
      const { rows } = await pool.query(
        `select lane, count(*)::int as n from postdate.held
          where (delivery->'message'->>'dueAt')::bigint = $1 and worker <> 'nobody' group by lane order by lane`,
        [dueAt],
      );
      expect(Object.fromEntries(rows.map(({ lane, n }) => [lane, n]))).toEqual(lanes);
    },
    Math.max(0, dueAt - Date.now()),
  );

/** What became of the messages due then, once all of them are decided. */
export async function landedOf(pool: TestPool, dueAt: number, count: number) {
  await eventually(async () => {
    const { rows } = await pool.query(
      'select count(*)::int as n from postdate.delivery where due_at = to_timestamp($1::float8 / 1000)',
      [dueAt],
    );
    expect(rows[0]?.n).toBe(count);
  }, PATIENCE_MS);
  const { rows } = await pool.query(
    `select tenant, lane, count(*)::int as landed, count(distinct key)::int as messages,
            count(*) filter (where outcome <> 'delivered')::int as "notDelivered",
            count(*) filter (where decided_at < due_at)::int as early,
            max(extract(epoch from decided_at - due_at))::float8 as "lateS",
            (select count(*)::int from builds.effect join postdate.delivery as one using (tenant, key)
              where one.due_at = to_timestamp($1::float8 / 1000) and one.lane = delivery.lane
                and effect.tenant = delivery.tenant and effect.build = delivery.lane) as effects,
            (select count(*)::int from builds.effect join postdate.delivery as one using (tenant, key)
              where one.due_at = to_timestamp($1::float8 / 1000) and one.lane = delivery.lane
                and effect.tenant = delivery.tenant) as "allEffects"
       from postdate.delivery where due_at = to_timestamp($1::float8 / 1000)
      group by tenant, lane order by tenant, lane`,
    [dueAt],
  );
  return rows as unknown as {
    tenant: string;
    lane: string;
    landed: number;
    messages: number;
    notDelivered: number;
    early: number;
    effects: number;
    allEffects: number;
    lateS: number;
  }[];
}

/** What `landedOf` must say when all of each tenant's landed once, delivered, by this lane and by this lane's build. */
export const landedOnceBy = (tenants: string[], lane: (tenant: string) => string, each: number) =>
  tenants.map((tenant) => ({
    tenant,
    lane: lane(tenant),
    landed: each,
    messages: each,
    notDelivered: 0,
    early: 0,
    effects: each,
    allEffects: each,
    lateS: expect.any(Number),
  }));
