import fc from 'fast-check';
import type { LaneMatch } from '../../../src/delivery/lanes/lane';
import { admitRequest, type LaneRequest } from '../../../src/delivery/lanes/lane-request';
import { planChange } from '../../../src/delivery/lanes/plan-change';
import { prepareChange } from '../../../src/delivery/lanes/prepare-change';
import { readRoutingTable } from '../../../src/delivery/lanes/routing-table';
import { useDatabase } from '../../support/database';
import { effectTopic } from '../../support/effects';

const database = useDatabase();
const topic = effectTopic();
const by = { topic: topic.name, author: 'ann', reason: 'a trial' };

async function made(request: LaneRequest) {
  admitRequest(request, [topic]);
  const prepared = await prepareChange(database.pool, topic, request);
  if (prepared.result !== 'prepared') throw new Error('overtaken');
  const before = await readRoutingTable(database.pool, topic.name);
  await prepared.apply();
  return { prepared, before, after: await readRoutingTable(database.pool, topic.name) };
}
const rulesOf = ({ rules }: { rules: { place: number; lane: string; match: LaneMatch }[] }) =>
  rules.map(({ place, lane, match }) => ({ place, lane, match }));

const match: fc.Arbitrary<LaneMatch> = fc.oneof(
  fc.record({ tenants: fc.array(fc.constantFrom('acme', 'globex', 'initech'), { minLength: 1, maxLength: 2 }) }),
  fc.record({ percent: fc.integer({ min: 0, max: 100 }), by: fc.constantFrom('tenant' as const, 'key' as const) }),
  fc.record({ attribute: fc.constant('vip'), oneOf: fc.constant<boolean[]>([true]) }),
);
const request: fc.Arbitrary<LaneRequest> = fc.oneof(
  fc
    .record({
      lane: fc.constantFrom('stable', 'canary', 'v2'),
      rules: fc.array(match, { minLength: 1, maxLength: 3 }),
      first: fc.boolean(),
    })
    .map((given) => ({ ...by, ...given, what: 'set' as const })),
  fc
    .record({
      lane: fc.constantFrom('canary', 'v2'),
      mode: fc.constantFrom('live' as const, 'shadow' as const),
      limits: fc.record({ minCount: fc.integer({ min: 1, max: 9 }) }),
    })
    .map((given) => ({ ...by, ...given, what: 'set' as const })),
  fc
    .record({
      lane: fc.constantFrom('canary', 'v2'),
      percent: fc.integer({ min: 1, max: 50 }),
      by: fc.constantFrom('tenant' as const, 'key' as const, undefined),
    })
    .map(({ percent, ...given }) => ({
      ...by,
      ...given,
      what: 'ramp' as const,
      steps: [percent, 99],
      everySeconds: 60,
    })),
  fc.record({ lane: fc.constantFrom('canary', 'v2') }).map((given) => ({ ...by, ...given, what: 'stop' as const })),
);

it('what a dry run looks at is the routing table that the change leaves, whatever the changes before it', async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), async (requests) => {
      for (const one of requests) {
        const outcome = await made(one).catch((error) => {
          // No such lane yet, or it is stopped.
          expect(error).toMatchObject({ code: 'invalidLane' });
          return undefined;
        });
        if (!outcome) continue;
        const { prepared, after } = outcome;
        expect(rulesOf(prepared.after)).toEqual(rulesOf(after));
        expect([...prepared.after.lanes].sort()).toEqual([...after.lanes].sort());
        compared += 1;
      }
    }),
    { numRuns: 25 },
  );
  expect(compared).toBeGreaterThan(40);
});

it('a ramp raises the percentage in its place, and leaves the other rules; by hand it is ended', async () => {
  const lane = 'ramped';
  await made({
    ...by,
    lane,
    what: 'set',
    rules: [{ tenants: ['acme'] }, { percent: 5, by: 'key' }, { attribute: 'vip', oneOf: [true] }],
  });
  const { after } = await made({ ...by, lane, what: 'ramp', steps: [10, 50, 100], everySeconds: 600 });
  const own = after.rules.filter((rule) => rule.lane === lane).map((rule) => rule.match);
  expect(own).toEqual([{ tenants: ['acme'] }, { percent: 10, by: 'key' }, { attribute: 'vip', oneOf: [true] }]);
  const ramp = after.lanes.get(lane)?.ramp;
  expect(ramp).toMatchObject({ steps: [50, 100], everySeconds: 600, by: 'key' });
  // By the database's clock.
  const { rows } = await database.pool.query(
    "select clock_timestamp() - $1::timestamptz between interval '0 s' and interval '60 s' as now",
    [ramp?.since],
  );
  expect(rows).toEqual([{ now: true }]);
  const stopped = await made({ ...by, lane, what: 'stop' });
  expect(stopped.after.lanes.get(lane)).toMatchObject({ mode: 'stopped', ramp: undefined });
  expect(stopped.after.rules.filter((rule) => rule.lane === lane)).toHaveLength(3);
  await made({ ...by, lane, what: 'set', mode: 'live' });
  await made({ ...by, lane, what: 'ramp', steps: [10, 50], everySeconds: 600 });
  const set = await made({ ...by, lane, what: 'set', rules: [{ percent: 3, by: 'key' }] });
  expect(set.after.lanes.get(lane)?.ramp).toBeUndefined();
  const { rows: changes } = await database.pool.query(
    'select what from postdate.lane_change where lane = $1 order by id',
    [lane],
  );
  expect(changes.map(({ what }) => what)).toEqual(['set', 'ramp', 'stop', 'set', 'ramp', 'set']);
});

it.each<[string, string, Partial<LaneRequest>]>([
  ['unknownTopic', 'topic', { topic: 'nobody.knows' }],
  ['invalidLane', 'lane', { lane: 'Canary' }],
  ['invalidLane', 'lane', { lane: 'stable', what: 'stop' }],
  ['invalidLane', 'lane', { lane: 'stable', mode: 'live' } as Partial<LaneRequest>],
  ['invalidReason', 'reason', { reason: ' ' }],
  ['invalidReason', 'reason', { reason: 7 as never }],
  ['invalidReason', 'reason', { reason: 'x'.repeat(501) }],
  ['invalidLabel', 'author', { author: '' }],
  ['invalidLaneRule', 'rules', {}],
  ['invalidLaneRule', 'rules', { rules: Array(101).fill({ tenants: ['acme'] }) } as Partial<LaneRequest>],
  ['invalidLaneRule', 'first', { mode: 'live', first: true } as Partial<LaneRequest>],
  ['invalidLaneRule', 'rules.0.tenants', { rules: [{ tenants: [] }] } as Partial<LaneRequest>],
  ['invalidLaneRule', 'rules.0.tenants.1', { rules: [{ tenants: ['acme', ''] }] } as Partial<LaneRequest>],
  ['invalidLaneRule', 'rules.0.tenants.0', { rules: [{ tenants: ['a b'] }] } as Partial<LaneRequest>],
  [
    'invalidLaneRule',
    'rules.1.attribute',
    { rules: [{ tenants: ['a'] }, { attribute: 'a..b', oneOf: [1] }] } as Partial<LaneRequest>,
  ],
  ['invalidLaneRule', 'rules.0.oneOf', { rules: [{ attribute: 'a', oneOf: [] }] } as Partial<LaneRequest>],
  ['invalidLaneRule', 'rules.0.percent', { rules: [{ percent: 101, by: 'tenant' }] } as Partial<LaneRequest>],
  ['invalidLaneRule', 'rules.0.percent', { rules: [{ percent: Number.NaN, by: 'tenant' }] } as Partial<LaneRequest>],
  ['invalidLaneRule', 'rules.0.by', { rules: [{ percent: 1, by: 'moon' }] } as never],
  ['invalidLaneRule', 'rules.0', { rules: [null] } as never],
  ['invalidLaneLimit', 'limits.errorRate', { limits: { errorRate: 5 } } as Partial<LaneRequest>],
  ['invalidLaneLimit', 'limits.errorrate', { limits: { errorrate: 0.5 } } as never],
  ['invalidLaneLimit', 'limits', { limits: 7 } as never],
  ['invalidLaneRule', 'percent', { what: 'ramp', steps: [] } as Partial<LaneRequest>],
  ['invalidLaneRule', 'percent', { what: 'ramp', steps: [101] } as Partial<LaneRequest>],
  ['invalidLaneRule', 'steps', { what: 'ramp', steps: [5, 5], everySeconds: 60 } as Partial<LaneRequest>],
  ['invalidLaneRule', 'steps', { what: 'ramp', steps: [5, 200], everySeconds: 60 } as Partial<LaneRequest>],
  ['invalidLaneRule', 'everySeconds', { what: 'ramp', steps: [5, 10] } as Partial<LaneRequest>],
  ['invalidLaneRule', 'everySeconds', { what: 'ramp', steps: [5, 10], everySeconds: 0.5 } as Partial<LaneRequest>],
  ['invalidLaneRule', 'everySeconds', { what: 'ramp', steps: [5], everySeconds: 60 } as Partial<LaneRequest>],
])('%s at %s: %j', (code, field, wrong) => {
  const good = { ...by, lane: 'canary', what: 'set' };
  const admit = (request: object) => () => admitRequest(request as LaneRequest, [topic]);
  expect(admit({ ...good, ...wrong })).toThrow(expect.objectContaining({ code, field }));
  expect(admit({ ...good, rules: [{ tenants: ['acme'] }] })).not.toThrow();
});

it('a topic without the time for it has no lanes', () => {
  const request: LaneRequest = { ...by, lane: 'canary', what: 'set', rules: [{ tenants: ['acme'] }] };
  const admit = (leadMs: number) => () => admitRequest(request, [{ ...topic, leadMs }]);
  expect(admit(4_999)).toThrow(expect.objectContaining({ code: 'invalidLane', field: 'topic' }));
  expect(admit(5_000)).not.toThrow();
});

it('what is not there is neither ramped nor stopped, and what is stopped is not ramped', async () => {
  const none = await readRoutingTable(database.pool, 'test.none');
  const ramp: LaneRequest = { ...by, lane: 'canary', what: 'ramp', steps: [5] };
  for (const one of [ramp, { ...ramp, what: 'stop' } as LaneRequest]) {
    expect(() => planChange(one, none, '')).toThrow(expect.objectContaining({ code: 'invalidLane', field: 'lane' }));
  }
  await made({ ...by, lane: 'halted', what: 'set', rules: [{ tenants: ['acme'] }] });
  await made({ ...by, lane: 'halted', what: 'stop' });
  await expect(made({ ...ramp, lane: 'halted' })).rejects.toMatchObject({ code: 'invalidLane' });
});
