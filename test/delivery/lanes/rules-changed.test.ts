import { changeLane } from '../../../src/delivery/lanes/change-lane';
import type { LaneMode } from '../../../src/delivery/lanes/lane';
import { STABLE } from '../../../src/message/lane-name';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { laneDueTime } from '../../support/lane-due-time';
import { buildsSchema } from '../../support/lane-topic';
import { heldIn, landedOf, landedOnceBy, postOf, useLaneWorkers } from '../../support/lane-workers';
import { useOwnTemporal } from '../../support/temporal';

const database = useDatabase(buildsSchema);
const temporal = useOwnTemporal();
const startWorker = useLaneWorkers(temporal, database);

const TENANTS = Array.from({ length: 20 }, (_, nth) => `tenant-${String(nth + 1).padStart(2, '0')}`);
const topic = 'test.builds';
// `npm run test:bursts` has a thousand; the rules are the same for these.
const EACH = Number(process.env.POSTDATE_BURST ?? 60) / TENANTS.length;
// Twenty groups for a handler that is slow, two seconds: a stop after the first leaves most of them.
const SLOW = 80;

const change = (mode: LaneMode, tenants: string[], author = 'the test') =>
  changeLane(
    database.pool,
    { topic, lane: 'canary', what: mode === 'stopped' ? 'stop' : 'set', author, reason: 'on trial' },
    { mode, rules: [{ tenants }], limits: { minCount: 1_000_000 } },
  );

it(`${20 * EACH} that are held follow the rules, there and back, and land once by those that hold when they are due`, async () => {
  await change('live', TENANTS.slice(0, 2));
  await Promise.all([startWorker(), startWorker({ lane: 'canary' })]);
  // Twice as long: the rules change three times before it.
  const dueAt = await laneDueTime(temporal, database, 2 * 20 * EACH);
  await postOf(temporal, TENANTS, { each: EACH, dueAt });
  await heldIn(database.pool, dueAt, { canary: 2 * EACH, stable: 18 * EACH });
  await change('live', TENANTS.slice(0, 10));
  await heldIn(database.pool, dueAt, { canary: 10 * EACH, stable: 10 * EACH });
  await change('stopped', TENANTS.slice(0, 10));
  await heldIn(database.pool, dueAt, { stable: 20 * EACH });
  await change('live', TENANTS.slice(15));
  await heldIn(database.pool, dueAt, { canary: 5 * EACH, stable: 15 * EACH });
  expect(Date.now()).toBeLessThan(dueAt);
  const landed = await landedOf(database.pool, dueAt, 20 * EACH);
  expect(landed).toEqual(landedOnceBy(TENANTS, (tenant) => (TENANTS.indexOf(tenant) < 15 ? STABLE : 'canary'), EACH));
  // However often a message went to and fro, its workflow ends.
  await eventually(async () => {
    const query = `ExecutionStatus = 'Running' and PostdateTopic = '${topic}'`;
    expect((await temporal.client.workflow.count(query)).count).toBe(0);
  }, 600_000);
}, 1_200_000);

it('a lane that is stopped in the middle of a landing lands nothing more once the stop is there, and stable the rest, each once', async () => {
  await change('live', TENANTS);
  await Promise.all([startWorker(), startWorker({ lane: 'canary', conduct: 'landsSlowly', landingGroup: 4 })]);
  const dueAt = await laneDueTime(temporal, database, SLOW);
  await postOf(temporal, TENANTS, { each: SLOW / TENANTS.length, dueAt });
  await heldIn(database.pool, dueAt, { canary: SLOW });
  await eventually(async () => {
    const { rows } = await database.pool.query(
      "select 1 from postdate.delivery where lane = 'canary' and due_at = to_timestamp($1::float8 / 1000) limit 1",
      [dueAt],
    );
    expect(rows).toHaveLength(1);
  }, 120_000);
  await change('stopped', TENANTS);
  await landedOf(database.pool, dueAt, SLOW);
  const { rows } = await database.pool.query(
    `select lane, count(distinct (tenant, key))::int as landed,
            (select count(*)::int from builds.effect join postdate.delivery as one using (tenant, key)
              where one.due_at = delivery.due_at and one.lane = delivery.lane and effect.build = one.lane) as effects,
            max(decided_at) < (select max(changed_at) from postdate.lane_change where what = 'stop') as "beforeStop"
       from postdate.delivery where due_at = to_timestamp($1::float8 / 1000) group by lane, due_at order by lane`,
    [dueAt],
  );
  const [canary, stable] = rows;
  expect(canary).toEqual({ lane: 'canary', landed: canary.effects, effects: canary.landed, beforeStop: true });
  expect(stable).toEqual({
    lane: 'stable',
    landed: SLOW - canary.landed,
    effects: SLOW - canary.landed,
    beforeStop: false,
  });
  expect(canary.landed).toBeGreaterThan(0);
  expect(stable.landed).toBeGreaterThan(0);
}, 600_000);

it('of two operators who change the rules at once, one after the other is obeyed, and both stand in the record', async () => {
  const [ann, bob] = await Promise.all([
    change('live', TENANTS.slice(0, 5), 'ann'),
    change('live', TENANTS.slice(5, 10), 'bob'),
  ]);
  const versions = [ann, bob].map(({ version }) => version);
  const last =
    (versions[0] ?? 0) > (versions[1] ?? 0)
      ? { author: 'ann', tenants: TENANTS.slice(0, 5) }
      : { author: 'bob', tenants: TENANTS.slice(5, 10) };
  await Promise.all([startWorker(), startWorker({ lane: 'canary' })]);
  const dueAt = await laneDueTime(temporal, database, 20);
  await postOf(temporal, TENANTS, { each: 1, dueAt });
  await heldIn(database.pool, dueAt, { canary: 5, stable: 15 });
  const landed = await landedOf(database.pool, dueAt, 20);
  expect(landed).toEqual(landedOnceBy(TENANTS, (tenant) => (last.tenants.includes(tenant) ? 'canary' : STABLE), 1));
  const { rows } = await database.pool.query(
    "select author from postdate.lane_change where author in ('ann', 'bob') order by version",
  );
  expect(rows.map(({ author }) => author).sort()).toEqual(['ann', 'bob']);
  expect(rows.at(-1)).toEqual({ author: last.author });
}, 600_000);
