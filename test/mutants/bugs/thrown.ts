import type { Mutant } from '../mutants';

const unit = 'test/platform/telemetry/thrown.test.ts';
const landing = 'test/delivery/landing/throw-fuzz.test.ts';

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
    file: 'src/events/handle-event.ts',
    find: 'withErrorContext(markHandlerError(readThrown(error))',
    replace: 'withErrorContext(markHandlerError(error)',
    tests: ['test/events/throw-fuzz.test.ts'],
  },
  {
    name: 'an answer that is none counts as done',
    file: 'src/delivery/landing/answers.ts',
    find: "throw new Error('the handler must answer done, skip or again');",
    replace: "return { outcome: 'delivered' };",
    tests: ['test/delivery/landing/answers.test.ts'],
  },
  {
    name: 'what a shadow throws is passed on as it is',
    file: 'src/delivery/lanes/shadow/trial.ts',
    find: 'const error = readThrown(thrown);',
    replace: 'const error = thrown as Error;',
    tests: ['test/delivery/lanes/shadow/compared.test.ts'],
  },
  {
    name: 'an error goes on as it was thrown',
    file: 'src/platform/telemetry/thrown.ts',
    find: 'if (plain.has(thrown)) return',
    replace: 'if (plain.has(thrown) || isInstance(thrown, Error)) return',
    tests: [unit, landing],
  },
];
