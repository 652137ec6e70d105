// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are pieces of source code

import type { Mutant } from '../mutants';

/** About what is overdue, missing or lost. */
export const sweep: Mutant[] = [
  {
    name: 'the sweep of rows gives no grace',
    file: 'src/topics/business-rows.ts',
    find: 'statement_timestamp() - make_interval(secs => $2)',
    replace: 'statement_timestamp() - make_interval(secs => 0 * $2)',
    tests: ['test/maintenance/overdue-rows.test.ts'],
  },
  {
    name: 'the sweep of rows lands what a worker that is well holds',
    file: 'src/topics/business-rows.ts',
    find: 'held.tenant = waiting.tenant',
    replace: 'held.tenant = waiting.key',
    tests: ['test/maintenance/overdue-rows.test.ts'],
  },
  {
    name: 'the sweep of rows lands what is decided',
    file: 'src/topics/business-rows.ts',
    find: 'make_interval(secs => $2) and ${UNDECIDED}',
    replace: 'make_interval(secs => $2)',
    tests: ['test/maintenance/overdue-rows.test.ts'],
  },
  {
    name: 'the sweep of rows gives no grace to what was held',
    file: 'src/delivery/held/held-rows.ts',
    find: 'extract(epoch from clock_timestamp()) * 1000 - $3',
    replace: 'extract(epoch from clock_timestamp()) * 1000 - 0 * $3',
    tests: ['test/maintenance/overdue-rows.test.ts'],
  },
  {
    name: 'the sweep of rows tries what fails at each of its rounds',
    file: 'src/maintenance/overdue-rows.ts',
    find: 'return backoff.recordFailure(id, message);',
    replace: 'return;',
    tests: ['test/maintenance/overdue-rows.test.ts'],
  },
  {
    name: 'a rescue is counted for what had landed before',
    file: 'src/maintenance/overdue-rows.ts',
    find: "!('decision' in landing) || landing.before",
    replace: "!('decision' in landing)",
    tests: ['test/maintenance/overdue-rows.test.ts'],
  },
  {
    name: 'the sweep of workflows wakes what has an activity under way',
    file: 'src/maintenance/in-progress.ts',
    find: 'if (!pendingActivities?.length) {',
    replace: 'if (!pendingActivities || true) {',
    tests: ['test/maintenance/overdue-workflows.test.ts'],
  },
  {
    name: 'the sweep of workflows counts a rescue for what had landed before',
    file: 'src/maintenance/overdue-workflows.ts',
    find: 'if (undecided === undefined) return;',
    replace: '',
    tests: ['test/maintenance/overdue-workflows.test.ts'],
  },
  {
    name: 'reconcile ends workflows however many seem to have no row',
    file: 'src/maintenance/reconcile.ts',
    find: 'orphans.length > Math.max(FEW, waiting / 10)',
    replace: 'orphans.length > Math.max(FEW, waiting)',
    tests: ['test/maintenance/reconcile.test.ts'],
  },
  {
    name: 'reconcile starts what no list shows though it waits',
    file: 'src/maintenance/reconcile.ts',
    find: " && (await describe(client, message))?.state !== 'waiting') yield message;",
    replace: ') yield message;',
    tests: ['test/maintenance/reconcile.test.ts'],
  },
  {
    name: 'reconcile starts what is decided',
    file: 'src/topics/business-rows.ts',
    find: '> ($2, $3) and ${UNDECIDED}',
    replace: '> ($2, $3) and $1::text is not null',
    tests: ['test/maintenance/reconcile.test.ts'],
  },
  {
    name: 'reconcile takes a closed row for one that waits',
    file: 'src/topics/business-rows.ts',
    find: 'where waiting.waits and waiting.tenant = given.tenant',
    replace: 'where waiting.tenant = given.tenant',
    tests: ['test/maintenance/reconcile.test.ts'],
  },
  {
    name: 'what has been silent for its time-out counts as lost at once',
    file: 'src/maintenance/in-progress.ts',
    find: ' + timeoutMs + lostAfterMs',
    replace: ' + timeoutMs',
    tests: ['test/maintenance/in-progress.test.ts'],
  },
  {
    name: 'a first task that was put off is left to its lost timer',
    file: 'src/maintenance/recovery.ts',
    find: 'if (!isStartDelayed) return;',
    replace: 'if (isStartDelayed) return;',
    tests: ['test/maintenance/lost-time-outs.test.ts'],
  },
  {
    name: 'a workflow that fails at its task is begun again and again',
    file: 'src/maintenance/recovery.ts',
    find: 'if (failed) return undefined;',
    replace: 'void failed;',
    tests: ['test/system/bad-deploy.test.ts'],
  },
];
