import type { Mutant } from '../mutants';

const tests = ['test/chaos/stranger.test.ts'];

/** What the chaos harness has to see of a stranger. */
export const harness: Mutant[] = [
  {
    name: "the harness sees that a stranger's signal cancels",
    file: 'src/workflows/parse-command.ts',
    find: 'if (isUndecodable(raw)) return {',
    replace: 'if (isUndecodable(raw)) return undefined && {',
    tests,
  },
  {
    name: "the harness sees that a stranger's message lands as another tenant's",
    file: 'src/message/read-message.ts',
    find: 'if (workflowIdOf(message) === workflowId) return undefined;',
    replace: 'if (workflowId) return undefined;',
    tests,
  },
];
