import type { Mutant } from '../mutants';

const [health, guard, step] = ['health', 'lane-guard', 'ramp-step'].map(
  (name) => `test/delivery/lanes/${name}.test.ts`,
) as [string, string, string];
const handOver = 'test/delivery/held/hand-over.test.ts';

/** About what stops lanes and ramps them, and what is held against a lane. */
export const laneGuard: Mutant[] = [
  {
    name: 'a lane that is set live again is stopped for what it did before',
    file: 'src/delivery/lanes/health.ts',
    find: "and what <> 'step'",
    replace: "and what = 'none'",
    tests: [health, guard],
  },
  {
    name: 'a few messages are enough to stop a lane',
    file: 'src/delivery/lanes/health.ts',
    find: 'if (all < limits.minCount || bad / all <= limit) continue;',
    replace: 'if (all === 0 || bad / all <= limit) continue;',
    tests: [health, guard],
  },
  {
    name: 'two workers stop a lane twice, or over an operator',
    file: 'src/delivery/lanes/lane-guard.ts',
    find: ', ifVersion: routing.version',
    replace: '',
    tests: [guard],
  },
  {
    name: 'two workers take a step twice, or over an operator',
    file: 'src/delivery/lanes/ramp-step.ts',
    find: 'ifVersion: version,',
    replace: '',
    tests: [step],
  },
  {
    name: 'a ramp goes on though the step as a whole was not healthy',
    file: 'src/delivery/lanes/ramp-step.ts',
    find: ' || exceededLimit(limits, figures)',
    replace: '',
    tests: [step],
  },
  {
    name: 'a ramp does not wait for messages in its step',
    file: 'src/delivery/lanes/ramp-step.ts',
    find: 'figures.landed < limits.minCount || ',
    replace: '',
    tests: [step],
  },
  {
    name: 'something lands in a lane by the rules before a change',
    file: 'src/platform/database/migrations/0016-lanes.ts',
    find: "perform pg_advisory_xact_lock_shared(hashtextextended('postdate.lanes:' || of_topic, 0));",
    replace: '',
    tests: ['test/delivery/landing/lane-check.test.ts'],
  },
  {
    name: 'a release of a lane counts as its failure',
    file: 'src/delivery/held/hand-over.ts',
    find: "where id = held.worker and seen_at > '-infinity') as has_died",
    replace: 'where id = held.worker) as has_died',
    tests: [handOver],
  },
];
