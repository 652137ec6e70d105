import { chooseLane } from '../../../src/delivery/lanes/choose-lane';
import type { LaneLimits, LaneMode } from '../../../src/delivery/lanes/lane';
import { guardLanes, startLaneGuard } from '../../../src/delivery/lanes/lane-guard';
import { readRoutingTable } from '../../../src/delivery/lanes/routing-table';
import { useDatabase } from '../../support/database';
import { eventsIn } from '../../support/described-events';
import { eventually } from '../../support/eventually';
import { failed, landed, setLane, type TestLane, testLaneGuard } from '../../support/lane-figures';

const database = useDatabase();
const limits: Partial<LaneLimits> = { minCount: 10, errorRate: 0.1, lateP99Ms: 1_000, differenceRate: 0.1 };

let topics = 0;
async function trial({ mode = 'live' as LaneMode, lane = 'canary' } = {}): Promise<TestLane> {
  topics += 1;
  const of = { topic: `test.guarded-${topics}`, lane };
  await setLane(database.pool, of, { mode, limits, rules: [{ tenants: ['acme'] }] });
  return of;
}
const modeOf = async ({ topic, lane }: TestLane) =>
  (await readRoutingTable(database.pool, topic)).lanes.get(lane)?.mode;
const eventsOf = async ({ topic }: TestLane) =>
  (await eventsIn(database.pool)).filter(({ source }) => source === `/postdate/${topic}`);
const changesOf = async ({ topic, lane }: TestLane) => {
  const { rows } = await database.pool.query<{ id: string; what: string; author: string; reason: string }>(
    'select id, what, author, reason from postdate.lane_change where topic = $1 and lane = $2 order by id',
    [topic, lane],
  );
  return rows;
};
const differs = (compared: number, different: number) => ({ countDifferences: async () => ({ compared, different }) });

describe.each<[string, (of: TestLane) => Promise<unknown>, (of: TestLane) => Promise<unknown>, RegExp]>([
  [
    'errors',
    async (of) => [await landed(database.pool, of, 8), await failed(database.pool, of, 2)],
    async (of) => [await landed(database.pool, of, 9), await failed(database.pool, of, 1)],
    /^error rate 20 % of 10 in \d+ s is above 10 %$/,
  ],
  [
    'lateness',
    (of) => landed(database.pool, of, 10, { lateMs: 1_100 }),
    (of) => landed(database.pool, of, 10, { lateMs: 900 }),
    /^late p99 1100 ms of 10 in \d+ s is above 1000 ms$/,
  ],
])('a lane with too many %s', (_, tooMany, asManyAsItMay, words) => {
  it('is stopped, with the reason in an audit row, an event, the log and the metric', async () => {
    const of = await trial();
    await tooMany(of);
    const guard = testLaneGuard(database.pool);
    await guard.look(of.topic);
    expect(await modeOf(of)).toBe('stopped');
    const [, stop, ...others] = await changesOf(of);
    expect(others).toEqual([]);
    expect(stop).toMatchObject({ what: 'stop', author: 'lane guard', reason: expect.stringMatching(words) });
    expect(await eventsOf(of)).toMatchObject([
      {
        type: 'postdate.lane-stopped',
        tenant: 'postdate',
        subject: 'postdate/canary',
        cycle: Number(stop?.id),
        data: { lane: 'canary', reason: stop?.reason },
      },
    ]);
    expect(guard.told).toEqual([['lane stopped', { ...of, reason: stop?.reason }]]);
    expect(guard.counted).toEqual([['stopped', of.topic, 'canary']]);
    expect(guard.errors).toEqual([]);
  });

  it('is not stopped with as many as it may have, nor with too few to say (the control)', async () => {
    const [allowed, few] = [await trial(), await trial()];
    await asManyAsItMay(allowed);
    await failed(database.pool, few, 5);
    await landed(database.pool, few, 4, { lateMs: 60_000 });
    const guard = testLaneGuard(database.pool);
    for (const one of [allowed, few]) {
      await guard.look(one.topic);
      expect(await modeOf(one)).toBe('live');
      expect(await eventsOf(one)).toEqual([]);
    }
    // One more of them, and there are enough.
    await failed(database.pool, few, 1);
    await guard.look(few.topic);
    expect(await modeOf(few)).toBe('stopped');
  });
});

it('a shadow that differs too often is stopped, and one that differs as often as it may is not', async () => {
  const of = await trial({ mode: 'shadow' });
  await testLaneGuard(database.pool, differs(10, 1)).look(of.topic);
  await testLaneGuard(database.pool, differs(9, 9)).look(of.topic);
  expect(await modeOf(of)).toBe('shadow');
  await testLaneGuard(database.pool, differs(10, 2)).look(of.topic);
  expect(await modeOf(of)).toBe('stopped');
  expect((await eventsOf(of)).map(({ data }) => data.reason)).toEqual([
    expect.stringMatching(/^difference rate 20 % of 10 in \d+ s is above 10 %$/),
  ]);
});

it("a stopped lane's tenants are in stable at once, and its rules are still there for when it is live again", async () => {
  const of = await trial();
  const laneOf = async (tenant: string) => {
    const routing = { ...(await readRoutingTable(database.pool, of.topic)), servedLanes: new Set(['canary']) };
    return chooseLane(routing, { topic: of.topic, tenant, key: 'k', payload: {} }).lane;
  };
  expect(await laneOf('acme')).toBe('canary');
  await failed(database.pool, of, 10);
  await testLaneGuard(database.pool).look(of.topic);
  expect(await laneOf('acme')).toBe('stable');
  expect((await readRoutingTable(database.pool, of.topic)).rules).toMatchObject([
    { match: { tenants: ['acme'] }, author: 'ann', reason: 'a trial' },
  ]);
  await setLane(database.pool, of, { mode: 'live' });
  expect(await laneOf('acme')).toBe('canary');
});

it('a lane that is set live again is judged by what it does from then on', async () => {
  const of = await trial();
  const { look } = testLaneGuard(database.pool);
  await failed(database.pool, of, 10);
  await look(of.topic);
  await setLane(database.pool, of, { mode: 'live' });
  await look(of.topic);
  expect(await modeOf(of)).toBe('live');
  await failed(database.pool, of, 10);
  await look(of.topic);
  expect(await modeOf(of)).toBe('stopped');
  expect(await eventsOf(of)).toHaveLength(2);
});

it('however many workers look at once, a lane is stopped once, and told once', async () => {
  const of = await trial();
  await failed(database.pool, of, 10);
  const guards = Array.from({ length: 5 }, () => testLaneGuard(database.pool));
  const routing = await readRoutingTable(database.pool, of.topic);
  await Promise.all(guards.map(({ deps }) => guardLanes(deps, routing)));
  expect((await changesOf(of)).map(({ what }) => what)).toEqual(['set', 'stop']);
  expect(await eventsOf(of)).toHaveLength(1);
  expect(guards.flatMap(({ counted }) => counted)).toHaveLength(1);
  expect(guards.flatMap(({ errors }) => errors)).toEqual([]);
});

it('what an operator changes while the lane guard looks comes first, and is looked at next', async () => {
  const of = await trial();
  await failed(database.pool, of, 10);
  const routing = await readRoutingTable(database.pool, of.topic);
  await setLane(database.pool, of, { limits: { errorRate: 1 } });
  const guard = testLaneGuard(database.pool);
  await guardLanes(guard.deps, routing);
  expect(await modeOf(of)).toBe('live');
  expect(await eventsOf(of)).toEqual([]);
  expect([guard.told, guard.counted, guard.errors]).toEqual([[], [], []]);
  await failed(database.pool, of, 10);
  await guard.look(of.topic);
  expect(await modeOf(of)).toBe('live');
  // The control: without the operator's change it would have been stopped.
  await setLane(database.pool, of, { limits: { errorRate: 0.1 } });
  await failed(database.pool, of, 10);
  await guard.look(of.topic);
  expect(await modeOf(of)).toBe('stopped');
});

it('a stop that cannot be told is not made', async () => {
  const of = await trial();
  await failed(database.pool, of, 10);
  const [{ next }] = (await database.pool.query(`select nextval('postdate.lane_change_id_seq')::integer + 1 as next`))
    .rows as [{ next: number }];
  await database.pool.query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload) values ($1, 't', 's', 'x', '{}')`,
    [`${of.topic}:postdate:canary:${next}:postdate.lane-stopped`],
  );
  const guard = testLaneGuard(database.pool);
  await guard.look(of.topic);
  expect(guard.errors).toMatchObject([{ code: '23505' }]);
  expect(await modeOf(of)).toBe('live');
  await guard.look(of.topic);
  expect(await modeOf(of)).toBe('stopped');
});

it('a lane that cannot be looked at is in no other lane’s way', async () => {
  const [broken, of] = [await trial({ lane: 'broken' }), { topic: '', lane: 'canary' }];
  of.topic = broken.topic;
  await setLane(database.pool, of, { limits });
  await failed(database.pool, of, 10);
  const countDifferences = async (_: unknown, { lane }: { lane: string }) => {
    if (lane === 'broken') throw new Error('not now');
    return { compared: 0, different: 0 };
  };
  const guard = testLaneGuard(database.pool, { countDifferences });
  await guard.look(of.topic);
  expect(guard.errors).toMatchObject([{ message: 'not now' }]);
  expect([await modeOf(broken), await modeOf(of)]).toEqual(['live', 'stopped']);
});

it('a lane whose limits somebody has spoilt by hand is guarded by the usual ones', async () => {
  const of = await trial();
  await database.pool.query(`update postdate.lane set limits = '{"errorRate": "none"}' where topic = $1`, [of.topic]);
  const { look } = testLaneGuard(database.pool);
  await failed(database.pool, of, 19);
  await look(of.topic);
  expect(await modeOf(of)).toBe('live');
  await failed(database.pool, of, 1);
  await look(of.topic);
  expect(await modeOf(of)).toBe('stopped');
});

it('two running guards stop what is to be stopped, count malformed rules, and say which lanes there are', async () => {
  const [of, other] = [await trial(), await trial({ lane: 'v2' })];
  await database.pool.query(
    `insert into postdate.lane_rule (topic, place, lane, match, reason, author)
     values ($1, -2, 'canary', '{"tenants": "acme"}', 'by hand', 'eve'), ($1, -1, 'nowhere', '{"tenants": ["acme"]}', 'by hand', 'eve')`,
    [of.topic],
  );
  const guards = [testLaneGuard(database.pool), testLaneGuard(database.pool)];
  const running = guards.map(({ deps }) => startLaneGuard(deps, [of.topic, other.topic, 'test.without']));
  try {
    await eventually(async () => {
      for (const { counted } of guards) {
        expect(counted).toContainEqual(['malformed', of.topic, 2]);
        expect(counted).toContainEqual(['malformed', 'test.without', 0]);
        expect(counted).toContainEqual(['known', other.topic, 'v2']);
      }
    });
    await failed(database.pool, of, 10);
    await eventually(async () => expect(await modeOf(of)).toBe('stopped'));
    // The loop goes on: what goes wrong later is stopped, too.
    await failed(database.pool, other, 10);
    await eventually(async () => expect(await modeOf(other)).toBe('stopped'));
  } finally {
    await Promise.all(running.map((one) => one.stop()));
  }
  for (const one of [of, other]) expect(await eventsOf(one)).toHaveLength(1);
  const stops = guards.flatMap(({ counted }) => counted.filter(([name]) => name === 'stopped'));
  expect(stops.sort()).toEqual([
    ['stopped', of.topic, 'canary'],
    ['stopped', other.topic, 'v2'],
  ]);
  expect(guards.flatMap(({ errors }) => errors)).toEqual([]);
});
