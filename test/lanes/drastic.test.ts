import { emptyBoard, type LaneBoard } from '../../src/lanes/board';
import { judge } from '../../src/lanes/drastic';
import type { DryRun } from '../../src/lanes/dry-run';
import { type LaneMatch, type LaneMode, laneLimits } from '../../src/lanes/lane';

const topic = 'test.effect';
const tenants: LaneMatch = { tenants: ['acme'] };

function boardOf(
  lane: string,
  { mode = 'live', match = tenants, served = true }: { mode?: LaneMode; match?: LaneMatch; served?: boolean } = {},
): LaneBoard {
  return {
    ...emptyBoard(topic),
    lanes: new Map(lane === 'stable' ? [] : [[lane, { topic, lane, mode, limits: laneLimits.parse({}) }]]),
    rules: [{ id: 1, place: 1, lane, match, reason: 'r', author: 'a' }],
    served: new Set(served ? [lane] : []),
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
  expect(judge('canary', boardOf('canary'), found({ caught: 4 }))).toEqual({ drastic: [], toBeKnown: [] });
});

it.each<[string, RegExp, LaneBoard, DryRun | undefined]>([
  ['half of what waits', /would take 5 of 10/, boardOf('canary'), found({ caught: 5 })],
  ['all that waits', /would take everybody/, boardOf('canary'), found({ caught: 10 })],
  [
    'half of what could be looked at',
    /would take 50 of 100/,
    boardOf('canary'),
    found({ waiting: 1_000, lookedAt: 100, caught: 50 }),
  ],
  [
    'a hundred per cent, even of nothing',
    /everybody/,
    boardOf('canary', { match: { percent: 100, by: 'key' } }),
    undefined,
  ],
  [
    'a lane that nobody serves',
    /no live worker serves canary.*stable/,
    boardOf('canary', { served: false }),
    found({}),
  ],
  [
    'a shadow that nobody serves',
    /nothing is compared/,
    boardOf('canary', { served: false, mode: 'shadow' }),
    undefined,
  ],
])('%s is drastic', (_what, says, board, run) => {
  expect(judge('canary', board, run)).toEqual({ drastic: [expect.stringMatching(says)], toBeKnown: [] });
});

it('a shadow of everybody is not, nor what is stopped, nor what stable keeps; that stable loses half is', () => {
  const all = found({ caught: 10 });
  expect(judge('canary', boardOf('canary', { mode: 'shadow' }), all).drastic).toEqual([]);
  expect(judge('canary', boardOf('canary', { mode: 'stopped', served: false }), all)).toEqual({
    drastic: [],
    toBeKnown: [expect.stringContaining('is stopped')],
  });
  expect(judge('stable', boardOf('stable', { served: false }), found({ caught: 10, leaveStable: 0 })).drastic).toEqual(
    [],
  );
  expect(judge('stable', boardOf('stable'), found({ leaveStable: 5 })).drastic).toEqual([
    expect.stringContaining('lose 5 of 10'),
  ]);
});

it('that it matches nobody is said, and why', () => {
  expect(judge('canary', boardOf('canary'), found({ caught: 0 }))).toEqual({
    drastic: [],
    toBeKnown: ['it matches nobody that waits'],
  });
  const nothing = found({ waiting: 0, lookedAt: 0, caught: 0 });
  expect(judge('canary', boardOf('canary'), nothing).toBeKnown).toEqual(['nothing waits, so it matches nobody yet']);
  expect(judge('canary', { ...boardOf('canary'), rules: [] }, nothing).toBeKnown).toEqual([
    expect.stringContaining('has no rules'),
  ]);
});
