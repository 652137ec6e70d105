import fc from 'fast-check';
import { chooseLane, matchesMessage } from '../../../src/delivery/lanes/choose-lane';
import { type Lane, type LaneMatch, type LaneMode, laneLimits } from '../../../src/delivery/lanes/lane';
import { emptyRoutingTable, type RoutingTable } from '../../../src/delivery/lanes/routing-table';
import { STABLE } from '../../../src/message/lane-name';

const topic = 'test.topic';
const NAMES = ['canary', 'v2', 'v3'];

const tenant = fc.stringMatching(/^[a-z]{1,4}$/);
const match: fc.Arbitrary<LaneMatch> = fc.oneof(
  fc.record({ tenants: fc.array(tenant, { minLength: 1, maxLength: 5 }) }),
  fc.record({
    attribute: fc.constantFrom('currency', 'a.b'),
    oneOf: fc.array(fc.constantFrom('CHF', 'EUR', 1, true), { minLength: 1 }),
  }),
  fc.record({
    percent: fc.double({ min: 0, max: 100, noNaN: true }),
    by: fc.constantFrom('tenant' as const, 'key' as const),
  }),
);
const mode = fc.constantFrom<LaneMode>('live', 'shadow', 'stopped');

const routing: fc.Arbitrary<RoutingTable> = fc
  .record({
    modes: fc.array(mode, { minLength: NAMES.length, maxLength: NAMES.length }),
    rules: fc.array(fc.record({ lane: fc.constantFrom(...NAMES, STABLE), match }), { maxLength: 8 }),
    served: fc.subarray(NAMES),
  })
  .map(({ modes, rules, served }) => ({
    ...emptyRoutingTable(topic),
    version: 1,
    lanes: new Map(
      NAMES.map((lane, nth): [string, Lane] => [
        lane,
        { topic, lane, mode: modes[nth] as LaneMode, limits: laneLimits.parse({}) },
      ]),
    ),
    rules: rules.map((rule, place) => ({ id: place + 1, place, reason: `rule ${place}`, author: 'ann', ...rule })),
    servedLanes: new Set(served),
  }));

const message = fc.record({
  topic: fc.constant(topic),
  tenant,
  key: fc.stringMatching(/^[a-z0-9]{1,6}$/),
  payload: fc.oneof(
    fc.record({ currency: fc.constantFrom('CHF', 'EUR', 'GBP') }),
    fc.record({ a: fc.record({ b: fc.constantFrom(1, 2, true) }) }),
    fc.constantFrom<unknown>(null, 'text', 1, [], { a: null }),
  ),
});

it('whatever the rules, every message has exactly one lane, a live one that somebody serves, or stable', () => {
  fc.assert(
    fc.property(routing, message, (one, asked) => {
      const { lane, fellBackFrom } = chooseLane(one, asked);
      if (lane === STABLE) {
        if (fellBackFrom) expect(one.servedLanes.has(fellBackFrom)).toBe(false);
      } else {
        expect(one.lanes.get(lane)?.mode).toBe('live');
        expect(one.servedLanes.has(lane)).toBe(true);
        expect(one.rules.some((rule) => rule.lane === lane && matchesMessage(rule.match, asked, lane))).toBe(true);
      }
    }),
    { numRuns: 2_000 },
  );
});

it('it is the first rule that matches: taking away any rule after it changes nothing', () => {
  fc.assert(
    fc.property(routing, message, fc.nat(), (one, asked, cut) => {
      const chosen = chooseLane(one, asked);
      const first = one.rules.findIndex(
        ({ lane, match }) =>
          (lane === STABLE || one.lanes.get(lane)?.mode === 'live') && matchesMessage(match, asked, lane),
      );
      const kept = first < 0 ? 0 : first + 1 + (cut % (one.rules.length - first));
      expect(chooseLane({ ...one, rules: one.rules.slice(0, kept) }, asked)).toEqual(chosen);
      expect(chosen.reason).toBe(
        first < 0 ? undefined : chosen.fellBackFrom ? `${chosen.fellBackFrom} has no live worker` : `rule ${first}`,
      );
    }),
    { numRuns: 2_000 },
  );
});

it('lanes are sticky: whenever, and in whatever order, messages are asked about, each has the same one', () => {
  fc.assert(
    fc.property(routing, fc.array(message, { maxLength: 20 }), fc.infiniteStream(fc.nat()), (one, asked, random) => {
      const first = new Map(asked.map((each) => [each, chooseLane(one, each)]));
      const order = new Map(asked.map((each) => [each, random.next().value as number]));
      const shuffled = [...asked].sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
      for (const each of shuffled) expect(chooseLane(one, structuredClone(each))).toEqual(first.get(each));
    }),
  );
});

it('a growing percentage takes more tenants, and never lets one go; all messages of a tenant go together', () => {
  fc.assert(
    fc.property(
      message,
      fc.stringMatching(/^[a-z0-9]{1,6}$/),
      fc.double({ min: 0, max: 100, noNaN: true }),
      fc.double({ min: 0, max: 100, noNaN: true }),
      (asked, otherKey, one, two) => {
        const [less, more] = one < two ? [one, two] : [two, one];
        const by = 'tenant' as const;
        if (matchesMessage({ percent: less, by }, asked, 'canary'))
          expect(matchesMessage({ percent: more, by }, asked, 'canary')).toBe(true);
        const sibling = { ...asked, key: otherKey };
        expect(matchesMessage({ percent: less, by }, sibling, 'canary')).toBe(
          matchesMessage({ percent: less, by }, asked, 'canary'),
        );
      },
    ),
    { numRuns: 2_000 },
  );
});

it.each(['tenant', 'key'] as const)('of 10,000 %ss ten percent are a tenth, none at 0 and all at 100', (by) => {
  const share = (percent: number) =>
    Array.from({ length: 10_000 }, (_, nth) => ({ topic, tenant: `t-${nth}`, key: `k-${nth}`, payload: {} })).filter(
      (one) => matchesMessage({ percent, by }, one, 'canary'),
    ).length;
  expect(share(0)).toBe(0);
  expect(share(100)).toBe(10_000);
  expect(share(10)).toBeGreaterThan(850);
  expect(share(10)).toBeLessThan(1_150);
});

it('two lanes do not begin with the same tenants', () => {
  const tenants = Array.from({ length: 1_000 }, (_, nth) => ({ topic, tenant: `t-${nth}`, key: 'k', payload: {} }));
  const of = (lane: string) => tenants.filter((one) => matchesMessage({ percent: 10, by: 'tenant' }, one, lane));
  const both = of('canary').filter((one) => of('v2').includes(one));
  expect(both.length).toBeLessThan(of('canary').length / 2);
});

it('an attribute is only what the payload itself has', () => {
  const one = { topic, tenant: 't', key: 'k', payload: {} };
  expect(matchesMessage({ attribute: 'constructor.name', oneOf: ['Object'] }, one, 'canary')).toBe(false);
  expect(
    matchesMessage(
      { attribute: 'constructor.name', oneOf: ['Object'] },
      { ...one, payload: { constructor: { name: 'Object' } } },
      'canary',
    ),
  ).toBe(true);
});
