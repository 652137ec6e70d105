import { warningsOf } from '../../../src/delivery/lanes/change-warnings';
import type { DryRun } from '../../../src/delivery/lanes/dry-run';
import { type LaneMatch, type LaneMode, laneLimits } from '../../../src/delivery/lanes/lane';
import { emptyRoutingTable, type RoutingTable } from '../../../src/delivery/lanes/routing-table';

const topic = 'test.effect';
const tenants: LaneMatch = { tenants: ['acme'] };

function routingOf(
  lane: string,
  { mode = 'live', match = tenants, served = true }: { mode?: LaneMode; match?: LaneMatch; served?: boolean } = {},
): RoutingTable {
  return {
    ...emptyRoutingTable(topic),
    lanes: new Map(lane === 'stable' ? [] : [[lane, { topic, lane, mode, limits: laneLimits.parse({}) }]]),
    rules: [{ id: 1, place: 1, lane, match, reason: 'r', author: 'a' }],
    servedLanes: new Set(served ? [lane] : []),
  };
}
const found = (fields: Partial<DryRun>): DryRun => ({
  waiting: 10,
  lookedAt: 10,
  caught: 1,
  leaveStable: 1,
  tenants: [],
  tenantsCaught: 1,
  ...fields,
});

it('a few, by a lane that is served, is nothing to be asked about (the control)', () => {
  expect(warningsOf('canary', routingOf('canary'), found({ caught: 4 }))).toEqual({ drastic: [], toBeKnown: [] });
});

it.each<[string, RegExp, RoutingTable, DryRun | undefined]>([
  ['half of what waits', /would take 5 of 10/, routingOf('canary'), found({ caught: 5 })],
  ['all that waits', /would take everybody/, routingOf('canary'), found({ caught: 10 })],
  [
    'half of what could be looked at',
    /would take 50 of 100/,
    routingOf('canary'),
    found({ waiting: 1_000, lookedAt: 100, caught: 50 }),
  ],
  [
    'a hundred per cent, even of nothing',
    /everybody/,
    routingOf('canary', { match: { percent: 100, by: 'key' } }),
    undefined,
  ],
  [
    'a lane that nobody serves',
    /no live worker serves canary.*stable/,
    routingOf('canary', { served: false }),
    found({}),
  ],
  [
    'a shadow that nobody serves',
    /nothing is compared/,
    routingOf('canary', { served: false, mode: 'shadow' }),
    undefined,
  ],
])('%s is drastic', (_what, says, routing, run) => {
  expect(warningsOf('canary', routing, run)).toEqual({ drastic: [expect.stringMatching(says)], toBeKnown: [] });
});

it('a shadow of everybody is not, nor what is stopped, nor what stable keeps; that stable loses half is', () => {
  const all = found({ caught: 10 });
  expect(warningsOf('canary', routingOf('canary', { mode: 'shadow' }), all).drastic).toEqual([]);
  expect(warningsOf('canary', routingOf('canary', { mode: 'stopped', served: false }), all)).toEqual({
    drastic: [],
    toBeKnown: [expect.stringContaining('is stopped')],
  });
  expect(
    warningsOf('stable', routingOf('stable', { served: false }), found({ caught: 10, leaveStable: 0 })).drastic,
  ).toEqual([]);
  expect(warningsOf('stable', routingOf('stable'), found({ leaveStable: 5 })).drastic).toEqual([
    expect.stringContaining('lose 5 of 10'),
  ]);
});

it('that it matches nobody is said, and why', () => {
  expect(warningsOf('canary', routingOf('canary'), found({ caught: 0 }))).toEqual({
    drastic: [],
    toBeKnown: ['it matches nobody that waits'],
  });
  const nothing = found({ waiting: 0, lookedAt: 0, caught: 0 });
  expect(warningsOf('canary', routingOf('canary'), nothing).toBeKnown).toEqual([
    'nothing waits, so it matches nobody yet',
  ]);
  expect(warningsOf('canary', { ...routingOf('canary'), rules: [] }, nothing).toBeKnown).toEqual([
    expect.stringContaining('has no rules'),
  ]);
});
