import type { Mutant } from '../mutants';

/** About two databases in one namespace. */
export const installations: Mutant[] = [
  {
    name: 'reconciling takes the messages of another installation for workflows without a row',
    file: 'src/maintenance/reconcile.ts',
    find: "list(client, { topic: topic.name, state: 'waiting' }, { onUnreadable })",
    replace: "list(client, { state: 'waiting' }, { onUnreadable })",
    tests: ['test/system/two-installations.test.ts'],
  },
];
