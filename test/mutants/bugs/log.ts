import type { Mutant } from '../mutants';

/** About what operators see: lines without payloads, and gauges that are true. */
export const log: Mutant[] = [
  {
    name: 'what a handler throws is taken for the words of a connection',
    file: 'src/platform/telemetry/log-errors.ts',
    find: 'if (byHandler) return false;',
    replace: '',
    tests: ['test/platform/telemetry/log.test.ts'],
  },
  {
    name: 'the log repeats what the database says about a row',
    file: 'src/platform/telemetry/log-errors.ts',
    find: "return OF_ITSELF.test(error.code ?? '');",
    replace: 'return true;',
    tests: ['test/platform/telemetry/log.test.ts'],
  },
  {
    name: "the SDK's line goes on with an error's words",
    file: 'src/platform/telemetry/log.ts',
    find: "message.replaceAll(said, '…')",
    replace: 'message',
    tests: ['test/platform/telemetry/log.test.ts'],
  },
  {
    name: 'a consumer that is removed keeps its last lag',
    file: 'src/platform/telemetry/gauges.ts',
    find: 'metrics.consumerLag(removed, 0, 0)',
    replace: 'void removed',
    tests: ['test/platform/telemetry/gauges.test.ts'],
  },
];
