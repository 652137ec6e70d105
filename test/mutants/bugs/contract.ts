import type { Mutant } from '../mutants';

const foreign = 'test/workflows/foreign-start.test.ts';

/** About what comes in from clients that are not ours. */
export const contract: Mutant[] = [
  {
    name: 'a null in a message is a value',
    file: 'src/message/decoding.ts',
    find: '.filter(([, value]) => value !== null)',
    replace: '',
    tests: [foreign, 'test/message/bad-input.test.ts'],
  },
  {
    name: 'a message may be under the id of another',
    file: 'src/message/read-message.ts',
    find: 'if (workflowIdOf(message) === workflowId) return undefined;',
    replace: 'if (workflowId) return undefined;',
    tests: [foreign],
  },
  {
    name: 'a cancel that cannot be decoded cancels',
    file: 'src/workflows/parse-command.ts',
    find: 'if (isUndecodable(raw)) return {',
    replace: 'if (isUndecodable(raw)) return undefined && {',
    tests: [foreign],
  },
  {
    name: 'a due time in seconds is taken for 1970',
    file: 'src/message/admission.ts',
    find: 'if (refusal || (dueAt as number) >= YEAR_2000_MS || dueBefore2000 === true)',
    replace: 'if (refusal || dueAt || dueBefore2000 === true)',
    tests: ['test/message/bad-input.test.ts'],
  },
  {
    name: 'a start is not asked for the whole contract',
    file: 'src/workflows/read-start.ts',
    find: "if (refusal && patched('whole-contract-at-start'))",
    replace: "if (refusal && !outside && patched('whole-contract-at-start'))",
    tests: [foreign],
  },
  {
    name: 'a message without search attributes stays without them',
    file: 'src/workflows/right-search-attributes.ts',
    find: 'if (wrong.length > 0 &&',
    replace: 'if (wrong.length > 9 &&',
    tests: [foreign],
  },
  {
    name: 'search attributes that the SDK cannot decode reach it',
    file: 'src/workflows/tolerant-payload-converter.ts',
    find: '\ntolerateActivations();',
    replace: '\nvoid tolerateActivations;',
    tests: [foreign],
  },
  {
    name: 'a signal by a reserved name reaches the SDK',
    file: 'src/workflows/tolerant-activation.ts',
    find: 'signal((isReserved ?',
    replace: 'signal((isReserved && !signalName ?',
    tests: [foreign],
  },
  {
    name: 'a memo that cannot be decoded cannot go on',
    file: 'src/workflows/tolerant-payload-converter.ts',
    find: 'isUndecodable(value) ? encodedOf(value) : defaultPayloadConverter.toPayload(value)',
    replace: 'defaultPayloadConverter.toPayload(isUndecodable(value) ? Symbol() : value)',
    tests: [foreign],
  },
  {
    name: 'a move that the ledger cannot take is tried again',
    file: 'src/activities/withdraw.ts',
    find: 'if (refusal) throw',
    replace: 'if (refusal && !refusal.code) throw',
    tests: ['test/activities/withdraw.test.ts'],
  },
];
