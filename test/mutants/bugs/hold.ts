import type { Mutant } from '../mutants';

/** About who holds what, whose turn it is, and transactions. */
export const hold: Mutant[] = [
  {
    name: 'a take-over takes from the living as well',
    file: 'src/hold/held-rows.ts',
    find: 'where worker = any($2) and',
    replace: 'where (worker = any($2) or worker <> $1) and',
    tests: ['test/hold/take-over.test.ts'],
  },
  {
    name: 'a take-over takes what nobody here can land',
    file: 'src/hold/held-rows.ts',
    find: 'and topic = any($3)',
    replace: 'and (topic = any($3) or true)',
    tests: ['test/hold/take-over.test.ts'],
  },
  {
    name: 'a dead worker is forgotten while it holds something',
    file: 'src/hold/worker-registry.ts',
    find: 'and not exists (select 1 from postdate.held where held.worker = worker.id)',
    replace: '',
    tests: ['test/hold/take-over.test.ts'],
  },
  {
    name: 'a stopping worker keeps what others have time to land',
    file: 'src/hold/hold.ts',
    find: 'if (inMs <= KEEP_WHEN_STOPPING_MS) continue;',
    replace: 'if (inMs > 0) continue;',
    tests: ['test/hold/take-over.test.ts'],
  },
  {
    name: 'the roll call takes for missing what is cancelled',
    file: 'src/hold/held-rows.ts',
    find: '(topic, delivery.tenant, delivery.key, delivery.cycle) = ($1, given.tenant, given.key, given.cycle))',
    replace:
      "(topic, delivery.tenant, delivery.key, delivery.cycle) = ($1, given.tenant, given.key, given.cycle)\n                and outcome = 'delivered')",
    tests: ['test/hold/roll-call.test.ts'],
  },
  {
    name: 'the roll call takes for missing what is held',
    file: 'src/hold/held-rows.ts',
    find: 'where (topic, held.tenant, held.key, held.cycle) =',
    replace: 'where (topic, held.tenant, held.tenant, held.cycle) =',
    tests: ['test/hold/roll-call.test.ts'],
  },
  {
    name: 'the hold does not strike out what it held',
    file: 'src/hold/hold.ts',
    find: '    held.strike(delivery);\n',
    replace: '',
    tests: ['test/hold/hold.test.ts'],
  },
  {
    name: 'a failing group is not landed one by one',
    file: 'src/landing/queues.ts',
    find: 'else void landAlone(topic, delivery);',
    replace: 'else fail(topic, delivery, error.cause);',
    tests: ['test/hold/hold.test.ts'],
  },
  {
    name: 'results are told while landings are under way',
    file: 'src/landing/result-pacer.ts',
    find: 'await landingsOver();',
    replace: '',
    tests: ['test/landing/result-pacer.test.ts'],
  },
  {
    name: 'a transaction that was rolled back counts as committed',
    file: 'src/database.ts',
    find: "if (command !== 'COMMIT')",
    replace: 'if (command === undefined)',
    tests: ['test/database.test.ts'],
  },
  {
    name: 'a commit of which nothing was heard counts as done',
    file: 'src/database.ts',
    find: "await tx.query('commit');",
    replace: "await tx.query('commit').catch((error) => (release(error), { command: 'COMMIT' }));",
    tests: ['test/hold/hold.test.ts'],
  },
  {
    name: 'a turn that a wrong clock gave keeps everybody waiting',
    file: 'src/turn.ts',
    find: 'turn.next_at not between clock_timestamp() and clock_timestamp() + make_interval(secs => $2)',
    replace: 'turn.next_at <= clock_timestamp()',
    tests: ['test/turn.test.ts'],
  },
  {
    name: 'what is held keeps the timers of a clock that was wrong',
    file: 'src/hold/due-times.ts',
    find: 'instant.timer = timerFor(at, instant.items, 0);',
    replace: 'instant.timer = timerFor(at, new Set(), 0);',
    tests: ['test/hold/due-times.test.ts'],
  },
];
