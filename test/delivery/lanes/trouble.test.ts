import { changeLane } from '../../../src/delivery/lanes/change-lane';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { laneDueTime } from '../../support/lane-due-time';
import { buildsSchema } from '../../support/lane-topic';
import { heldIn, landedOf, postOf, useLaneWorkers } from '../../support/lane-workers';
import { useOwnTemporal } from '../../support/temporal';

const database = useDatabase(buildsSchema);
const temporal = useOwnTemporal();
const startWorker = useLaneWorkers(temporal, database);

const TENANTS = Array.from({ length: 10 }, (_, nth) => `tenant-${nth}`);
const CHOSEN = TENANTS.slice(0, 2);
const EACH = 2;
// Long enough for a busy machine to have all held before they are due.
const LEAD_MS = 30_000;
// Shorter than the lead, which is what a fallback promises: three seconds to miss a worker, a second to look, some to land.
const FALLBACK_S = 10;
const topic = 'test.builds';

async function sendToCanary(tenants: string[]): Promise<void> {
  const change = { topic, lane: 'canary', what: 'set', author: 'the test', reason: 'on trial' } as const;
  // No lane guard in the way: what is to be seen is what becomes of the messages.
  const limits = { minCount: 1_000_000 };
  await changeLane(database.pool, change, { mode: 'live', rules: [{ tenants }], limits });
}

/** All messages due then landed once by stable, none too late, and nobody outside of the rule met the canary. */
async function expectLandedByStable(dueAt: number): Promise<void> {
  const landed = await landedOf(database.pool, dueAt, TENANTS.length * EACH);
  expect(landed.map(({ lateS, ...one }) => ({ ...one, inTime: lateS < FALLBACK_S }))).toEqual(
    TENANTS.map((tenant) => ({
      tenant,
      lane: 'stable',
      landed: EACH,
      messages: EACH,
      notDelivered: 0,
      early: 0,
      effects: EACH,
      allEffects: EACH,
      inTime: true,
    })),
  );
}

async function expectWorkflowsEnd(): Promise<void> {
  await eventually(async () => {
    const query = `ExecutionStatus = 'Running' and PostdateTopic = '${topic}'`;
    expect((await temporal.client.workflow.count(query)).count).toBe(0);
  }, 300_000);
}

/** Why the canary did not land messages, with how many, since a place in the failures. */
async function failuresSince(id: number): Promise<{ tenants: string[]; why: string[]; failed: number }> {
  const { rows } = await database.pool.query(
    `select coalesce(array_agg(distinct tenant order by tenant), '{}') as tenants,
            coalesce(array_agg(distinct why), '{}') as why, count(*)::int as failed
       from postdate.lane_failure where id > $1 and lane = 'canary'`,
    [id],
  );
  return rows[0];
}

const lastFailure = async () =>
  Number((await database.pool.query('select coalesce(max(id), 0) as id from postdate.lane_failure')).rows[0].id);

it.each([
  { conduct: 'throws', why: /build canary is broken/ },
  { conduct: 'hangs', why: /did not return within 1500 ms/ },
  { conduct: 'answersWrongly', why: /./ },
] as const)(
  'what a canary that $conduct cannot land is landed once by stable, in time, and nobody else meets it',
  async ({ conduct, why }) => {
    await sendToCanary(CHOSEN);
    const before = await lastFailure();
    await Promise.all([startWorker({ leadMs: LEAD_MS }), startWorker({ lane: 'canary', conduct, leadMs: LEAD_MS })]);
    const dueAt = await laneDueTime(temporal, database, TENANTS.length * EACH, LEAD_MS);
    await postOf(temporal, TENANTS, { each: EACH, dueAt, leadMs: LEAD_MS });
    // The control: the canary has them, and would land them.
    await heldIn(database.pool, dueAt, { canary: 2 * EACH, stable: 8 * EACH });
    await expectLandedByStable(dueAt);
    // Told one by one, perhaps after stable has landed them.
    await eventually(async () => {
      const failures = await failuresSince(before);
      expect(failures).toMatchObject({ tenants: CHOSEN, failed: 2 * EACH });
      for (const one of failures.why) expect(one).toMatch(why);
    });
    await expectWorkflowsEnd();
  },
  600_000,
);

it('what a canary holds that is killed a second before is landed once by stable, in time', async () => {
  await sendToCanary(CHOSEN);
  const [, canary] = await Promise.all([
    startWorker({ leadMs: LEAD_MS }),
    startWorker({ lane: 'canary', leadMs: LEAD_MS }),
  ]);
  const dueAt = await laneDueTime(temporal, database, TENANTS.length * EACH, LEAD_MS);
  await postOf(temporal, TENANTS, { each: EACH, dueAt, leadMs: LEAD_MS });
  await heldIn(database.pool, dueAt, { canary: 2 * EACH, stable: 8 * EACH });
  await new Promise((resolve) => setTimeout(resolve, dueAt - 1_000 - Date.now()));
  canary.signal('SIGKILL');
  await canary.exitCode;
  expect(Date.now()).toBeLessThan(dueAt);
  await expectLandedByStable(dueAt);
  await expectWorkflowsEnd();
}, 600_000);

it('what is sent to a lane that nobody serves is landed by stable when it is due', async () => {
  await sendToCanary(CHOSEN);
  await startWorker({ leadMs: LEAD_MS });
  const dueAt = await laneDueTime(temporal, database, TENANTS.length * EACH, LEAD_MS);
  await postOf(temporal, TENANTS, { each: EACH, dueAt, leadMs: LEAD_MS });
  await expectLandedByStable(dueAt);
  const { rows } = await database.pool.query(
    `select lane_reason, count(*)::int as n from postdate.delivery where due_at = to_timestamp($1::float8 / 1000)
      group by lane_reason order by 2`,
    [dueAt],
  );
  expect(rows).toEqual([
    { lane_reason: 'canary has no live worker', n: 2 * EACH },
    { lane_reason: null, n: 8 * EACH },
  ]);
}, 600_000);
