import type { Mutant } from '../mutants';

/** About runs in Temporal that foreign clients have started, and about what is seen of them. */
export const strangers: Mutant[] = [
  {
    name: 'a foreign run whose memo cannot be decoded ends the list',
    file: 'src/producing/message-status.ts',
    find: '  } catch {\n    return undefined;',
    replace: '  } catch (error) {\n    throw error;',
    tests: ['test/producing/message-status.test.ts'],
  },
  {
    name: 'a foreign run is listed to the tenant that its search attributes name',
    file: 'src/producing/list.ts',
    find: '(tenant === undefined || run.tenant === tenant)',
    replace: 'true',
    tests: ['test/operating/strangers.test.ts'],
  },
  {
    name: 'a foreign run that cannot be read is ended by reconciling',
    file: 'src/maintenance/reconcile.ts',
    find: 'if (problem === undefined) page.push',
    replace: 'page.push',
    tests: ['test/operating/strangers.test.ts'],
  },
  {
    name: 'a topic that is not installed and that nobody serves is named nowhere',
    file: 'src/operating/unserved-topics.ts',
    find: 'for (const topic of [...topics, ...unknown])',
    replace: 'for (const topic of topics)',
    tests: ['test/operating/stuck.test.ts'],
  },
  {
    name: 'a rejected promise that a handler left behind ends the process',
    file: 'src/process/outlive-foreign-code.ts',
    find: "process.on('unhandledRejection'",
    replace: "process.on('rejectionHandled'",
    tests: ['test/process/left-behind.test.ts'],
  },
  {
    name: 'an exception of our own that was left behind does not end the process',
    file: 'src/process/outlive-foreign-code.ts',
    find: 'if (isForeign(thrown)) return',
    replace: 'if (thrown) return',
    tests: ['test/process/left-behind.test.ts'],
  },
  {
    name: 'a check of the doctor that fails with something odd ends the checks after it',
    file: 'src/operating/doctor/finding.ts',
    find: '    return describeError(readThrown(error));',
    replace: '    return describeError(error);',
    tests: ['test/operating/doctor/run-checks.test.ts'],
  },
  {
    name: 'an outbox row without a cycle ends the audit',
    file: 'src/operating/audit/differences.ts',
    find: "cycle::text = payload->>'cycle'",
    replace: "cycle = (payload->>'cycle')::integer",
    tests: ['test/operating/audit/audit.test.ts'],
  },
  {
    name: 'a retry on a closed connection ends the process',
    file: 'src/platform/temporal/call-retries.ts',
    find: 'ended && failure ? failedCall(failure) : nextCall(again)',
    replace: 'nextCall(again)',
    tests: ['test/platform/temporal/call-retries.test.ts'],
  },
];
