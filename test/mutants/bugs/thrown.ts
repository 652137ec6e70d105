import type { Mutant } from '../mutants';

const [unit, landing, system] = [
  'test/platform/telemetry/thrown.test.ts',
  'test/delivery/landing/throw-fuzz.test.ts',
  'test/system/odd-errors.test.ts',
] as const;

/** About what foreign code throws. */
export const thrown: Mutant[] = [
  {
    name: 'a circle of causes is followed without end',
    file: 'src/platform/telemetry/thrown.ts',
    find: 'depth < DEEPEST ?',
    replace: 'depth > 0 ?',
    tests: [unit],
  },
  {
    name: 'a getter that throws is not caught',
    file: 'src/platform/telemetry/thrown.ts',
    find: '    // A getter that throws, or a proxy.\n    return undefined;',
    replace: '    throw new Error(field);',
    tests: [unit],
  },
  {
    name: 'a proxy is asked for its class unguarded',
    file: 'src/platform/telemetry/thrown.ts',
    find: '  } catch {\n    return false;',
    replace: '  } catch (error) {\n    throw error;',
    tests: [unit, landing],
  },
  {
    name: 'a failure of the SDK goes on with its retry options',
    file: 'src/platform/telemetry/thrown.ts',
    find: 'if (plain.has(thrown)) return',
    replace: "if (plain.has(thrown) || 'nonRetryable' in thrown) return",
    tests: [unit, landing],
  },
  {
    name: 'the log stops at an error that cannot be read',
    file: 'src/platform/telemetry/log-errors.ts',
    find: "return { type: 'unreadable' };",
    replace: "throw new Error('unreadable');",
    tests: [unit],
  },
  {
    name: 'what a listener throws is passed on as it is',
    file: 'src/events/consumer.ts',
    find: 'markHandlerError(readThrown(error))',
    replace: 'markHandlerError(error)',
    tests: ['test/events/throw-fuzz.test.ts'],
  },
  {
    name: 'what an upcast throws is passed on as it is',
    file: 'src/producing/dispatch/dispatcher.ts',
    find: 'const error = readThrown(thrown);',
    replace: 'const error = thrown as Error;',
    tests: ['test/producing/dispatch/odd-topics.test.ts'],
  },
  {
    name: 'an answer that is none counts as done',
    file: 'src/delivery/landing/answers.ts',
    find: "throw new Error('the handler must answer done, skip or again');",
    replace: "return { outcome: 'delivered' };",
    tests: ['test/delivery/landing/answers.test.ts'],
  },
  {
    name: "every worker's end: the SDK is given what a handler throws",
    file: 'src/delivery/landing/answers.ts',
    find: 'const thrown = readThrown(error);',
    replace: 'const thrown = error as Error;',
    tests: [landing, system],
  },
];
