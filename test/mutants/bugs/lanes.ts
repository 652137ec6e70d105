import type { Mutant } from '../mutants';

const [hold, choose, change, fence] = [
  'test/delivery/hold/lanes.test.ts',
  'test/delivery/lanes/choose-lane.test.ts',
  'test/delivery/lanes/change-lane.test.ts',
  'test/delivery/landing/lane-check.test.ts',
] as [string, string, string, string];

/** About which lane has a message, and what becomes of it when that lane does not land it. */
export const lanes: Mutant[] = [
  {
    name: 'a lane lands by rules that have changed',
    file: 'src/delivery/landing/lane-check.ts',
    find: 'if (rows[0]?.version !== version)',
    replace: 'if (version < 0)',
    tests: [fence],
  },
  {
    name: 'a lane on trial ends messages as failed',
    file: 'src/delivery/landing/landing.ts',
    find: "lane && 'answer' in handled",
    replace: "lane?.name === 'stable' && 'answer' in handled",
    tests: [hold],
  },
  {
    name: 'what a lane failed at is tried there again',
    file: 'src/delivery/lanes/worker-lanes.ts',
    find: 'if (cameBackFrom) return',
    replace: 'if (cameBackFrom === STABLE) return',
    tests: [hold],
  },
  {
    name: 'a lane without workers keeps its messages waiting',
    file: 'src/delivery/lanes/choose-lane.ts',
    find: ' || routing.servedLanes.has(lane)',
    replace: ' || routing.servedLanes.size === 0 || routing.servedLanes.has(lane)',
    tests: [hold, choose],
  },
  {
    name: 'a stopped lane is given messages',
    file: 'src/delivery/lanes/choose-lane.ts',
    find: "?.mode !== 'live'",
    replace: '=== undefined',
    tests: [hold, choose],
  },
  {
    name: 'every lane begins with the same tenants',
    file: 'src/delivery/lanes/choose-lane.ts',
    find: `@\${lane}:`,
    replace: '@lane:',
    tests: [choose],
  },
  {
    name: 'what is held does not follow the rules',
    file: 'src/delivery/hold/lane-routing.ts',
    find: "one.state === 'held' && ",
    replace: "one.state === 'leaving' && ",
    tests: [hold],
  },
  {
    name: 'who knows no lanes is told of one',
    file: 'src/delivery/hold/lane-routing.ts',
    find: 'attempts.length > 0 && !delivery.knowsLanes ? lanes.ownLane : lane',
    replace: 'lane',
    tests: [hold],
  },
  {
    name: 'stable does not look after lanes whose workers are dead',
    file: 'src/delivery/hold/take-over.ts',
    find: 'lane === STABLE && (await lookAfterLanes())',
    replace: 'lane !== STABLE && (await lookAfterLanes())',
    tests: [hold],
  },
  {
    name: 'the second of two operators overwrites the first, unseen',
    file: 'src/delivery/lanes/change-lane.ts',
    find: 'change.ifVersion !== version',
    replace: 'change.ifVersion < 0',
    tests: [change],
  },
  {
    name: 'a shadow takes a time limit for a fact about the rows',
    file: 'src/delivery/lanes/shadow/restore-snapshot.ts',
    find: ' || isAwayOrBusy(because)',
    replace: '',
    tests: ['test/delivery/lanes/shadow/compared.test.ts'],
  },
];
