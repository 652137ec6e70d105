import { guardLanes, startLaneGuard } from '../../../src/delivery/lanes/lane-guard';
import { readRoutingTable } from '../../../src/delivery/lanes/routing-table';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { failed, landed, setLane, type TestLane, testLaneGuard } from '../../support/lane-figures';

const database = useDatabase();

let topics = 0;
/** A lane with 10 % of all tenants, whose step began so long ago. */
async function ramp({ steps = [25, 100], everySeconds = 60, secondsAgo = 61, windowSeconds = 300 } = {}) {
  topics += 1;
  const of = { topic: `test.ramped-${topics}`, lane: 'canary' };
  await setLane(
    database.pool,
    of,
    {
      limits: { minCount: 10, errorRate: 0.1, windowSeconds },
      rules: [{ tenants: ['acme'] }, { percent: 10, by: 'tenant' }, { percent: 5, by: 'key' }],
      ramp: { steps, everySeconds, by: 'tenant', since: new Date(Date.now() - secondsAgo * 1_000).toISOString() },
    },
    'ramp',
  );
  return of;
}
const stateOf = async ({ topic, lane }: TestLane) => {
  const routing = await readRoutingTable(database.pool, topic);
  return { rules: routing.rules.map(({ match }) => match), ramp: routing.lanes.get(lane)?.ramp };
};
const percentOf = async (of: TestLane) =>
  (await stateOf(of)).rules.flatMap((match) => ('percent' in match && match.by === 'tenant' ? [match.percent] : []))[0];
const stepsOf = async ({ topic }: TestLane) =>
  (
    await database.pool.query<{ author: string; reason: string }>(
      `select author, reason from postdate.lane_change where topic = $1 and what = 'step' order by id`,
      [topic],
    )
  ).rows;
/** As if its step had begun earlier, and what has landed in it as well. */
const age = ({ topic }: TestLane, seconds: number) =>
  database.pool.query(
    `update postdate.lane set ramp = jsonb_set(ramp, '{since}', to_jsonb(
       (ramp->>'since')::timestamptz - make_interval(secs => $2))) where topic = $1`,
    [topic, seconds],
  );

it('a healthy lane goes from step to step, and the last one ends its ramp', async () => {
  const of = await ramp();
  const guard = testLaneGuard(database.pool);
  await landed(database.pool, of, 10);
  await guard.look(of.topic);
  const first = await stateOf(of);
  expect(first.rules).toEqual([{ tenants: ['acme'] }, { percent: 25, by: 'tenant' }, { percent: 5, by: 'key' }]);
  expect(first.ramp).toMatchObject({ steps: [100], everySeconds: 60, by: 'tenant' });
  expect(Date.now() - Date.parse(first.ramp?.since ?? '')).toBeLessThan(60_000);
  // It has just begun.
  await guard.look(of.topic);
  expect(await percentOf(of)).toBe(25);
  await age(of, 61);
  await guard.look(of.topic);
  expect(await stateOf(of)).toEqual({
    rules: [{ tenants: ['acme'] }, { percent: 100, by: 'tenant' }, { percent: 5, by: 'key' }],
    ramp: undefined,
  });
  await guard.look(of.topic);
  expect(await stepsOf(of)).toEqual(
    [1, 2].map(() => ({ author: 'lane guard', reason: expect.stringMatching(/^healthy: 10 landed and 0 failed in/) })),
  );
  expect(guard.told).toEqual([25, 100].map((percent) => ['lane ramped', { ...of, percent }]));
  expect(guard.errors).toEqual([]);
});

it('it waits for the time of its step, for enough messages in it, and for its figures', async () => {
  const [early, quiet, ill] = [await ramp({ secondsAgo: 30 }), await ramp(), await ramp({ windowSeconds: 1 })];
  await landed(database.pool, early, 10);
  await landed(database.pool, quiet, 9);
  // What landed before the step says nothing of it.
  await landed(database.pool, quiet, 100, { secondsAgo: 90 });
  // Each alone in its window, and over the step too many.
  await landed(database.pool, ill, 10, { secondsAgo: 20 });
  await failed(database.pool, ill, 2, { secondsAgo: 40 });
  const { look } = testLaneGuard(database.pool);
  for (const one of [early, quiet, ill]) {
    await look(one.topic);
    expect([one, await percentOf(one)]).toEqual([one, 10]);
  }
  // The control: what each of them lacked.
  await age(early, 30);
  await landed(database.pool, quiet, 1);
  await landed(database.pool, ill, 8, { secondsAgo: 20 });
  for (const one of [early, quiet, ill]) {
    await look(one.topic);
    expect([one, await percentOf(one)]).toEqual([one, 25]);
  }
});

it('a lane that is stopped is ramped no more, also when it is live again', async () => {
  const of = await ramp();
  await landed(database.pool, of, 10);
  await failed(database.pool, of, 10);
  const { look } = testLaneGuard(database.pool);
  await look(of.topic);
  const { lanes } = await readRoutingTable(database.pool, of.topic);
  expect(lanes.get('canary')).toMatchObject({ mode: 'stopped', ramp: undefined });
  await setLane(database.pool, of, { mode: 'live' });
  await landed(database.pool, of, 20);
  await look(of.topic);
  expect(await percentOf(of)).toBe(10);
  expect(await stepsOf(of)).toEqual([]);
});

it('a shadow is not ramped', async () => {
  const of = await ramp();
  await setLane(database.pool, of, { mode: 'shadow' });
  await landed(database.pool, of, 10);
  await testLaneGuard(database.pool).look(of.topic);
  expect(await percentOf(of)).toBe(10);
});

it('however many workers look at once, a step is taken once', async () => {
  const of = await ramp({ everySeconds: 1 });
  await landed(database.pool, of, 10);
  const guards = Array.from({ length: 5 }, () => testLaneGuard(database.pool));
  const routing = await readRoutingTable(database.pool, of.topic);
  await Promise.all(guards.map(({ deps }) => guardLanes(deps, routing)));
  expect(await percentOf(of)).toBe(25);
  expect(await stepsOf(of)).toHaveLength(1);
  expect(guards.flatMap(({ told }) => told)).toHaveLength(1);
  expect(guards.flatMap(({ errors }) => errors)).toEqual([]);
});

it('running guards take a whole ramp, each step once, while messages land', async () => {
  const of = await ramp({ steps: [20, 40, 60], everySeconds: 1 });
  const guards = [testLaneGuard(database.pool), testLaneGuard(database.pool)];
  const running = guards.map(({ deps }) => startLaneGuard(deps, [of.topic]));
  try {
    await eventually(async () => {
      await landed(database.pool, of, 10);
      expect(await percentOf(of)).toBe(60);
    });
  } finally {
    await Promise.all(running.map((one) => one.stop()));
  }
  expect(await stepsOf(of)).toHaveLength(3);
  expect((await stateOf(of)).ramp).toBeUndefined();
});

it('an operator who changes the lane at the moment of a step comes first', async () => {
  const of = await ramp();
  await landed(database.pool, of, 10);
  const routing = await readRoutingTable(database.pool, of.topic);
  await setLane(database.pool, of, { ramp: null });
  const guard = testLaneGuard(database.pool);
  await guardLanes(guard.deps, routing);
  expect([await percentOf(of), guard.told, guard.errors]).toEqual([10, [], []]);
});

it('a step leaves the other rules of the lane as they are, also one that cannot be read, with whose they are', async () => {
  const of = await ramp();
  await database.pool.query(
    `insert into postdate.lane_rule (topic, place, lane, match, reason, author)
     values ($1, -1, 'canary', '{"tenants": "globex"}', 'by hand', 'eve'), ($1, 9, 'canary', '{"tenants": ["globex"]}', 'late', 'bob')`,
    [of.topic],
  );
  const rules = async () =>
    (
      await database.pool.query(
        'select id, place, match, reason, author from postdate.lane_rule where topic = $1 order by place, id',
        [of.topic],
      )
    ).rows;
  const before = await rules();
  await landed(database.pool, of, 10);
  await testLaneGuard(database.pool).look(of.topic);
  const isRamped = ({ match }: { match: object }) => 'by' in match && match.by === 'tenant';
  const after = before.map((rule) => (isRamped(rule) ? { ...rule, match: { percent: 25, by: 'tenant' } } : rule));
  expect(after).not.toEqual(before);
  expect(await rules()).toEqual(after);
});

it('a percentage that is higher already is not lowered, and one that is gone comes after the other rules', async () => {
  const [higher, gone] = [await ramp(), await ramp()];
  await setLane(database.pool, higher, { rules: [{ percent: 50, by: 'tenant' }] });
  await setLane(database.pool, gone, { rules: [{ tenants: ['acme'] }] });
  const { look } = testLaneGuard(database.pool);
  for (const one of [higher, gone]) {
    await landed(database.pool, one, 10);
    await look(one.topic);
  }
  expect((await stateOf(higher)).rules).toEqual([{ percent: 50, by: 'tenant' }]);
  expect((await stateOf(gone)).rules).toEqual([{ tenants: ['acme'] }, { percent: 25, by: 'tenant' }]);
});

it('a ramp that somebody has spoilt by hand goes no further, and its lane is guarded all the same', async () => {
  const of = await ramp();
  await database.pool.query(
    `update postdate.lane set ramp = jsonb_set(ramp, '{since}', '"yesterday"') where topic = $1`,
    [of.topic],
  );
  const guard = testLaneGuard(database.pool);
  await landed(database.pool, of, 10);
  await guard.look(of.topic);
  expect([await percentOf(of), guard.errors]).toEqual([10, []]);
  await failed(database.pool, of, 10);
  await guard.look(of.topic);
  expect((await readRoutingTable(database.pool, of.topic)).lanes.get('canary')?.mode).toBe('stopped');
});
