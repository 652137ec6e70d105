// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are pieces of source code

import type { Mutant } from '../mutants';

/** About the workflow, its commands, and what a landing makes of a message. */
export const deliveries: Mutant[] = [
  {
    name: 'an old cycle expires an extended request',
    file: 'src/payment-requests/rows.ts',
    find: 'and payment_request.cycle <= given.cycle ',
    replace: '',
    tests: ['test/payment-requests/expiry.test.ts'],
  },
  {
    name: 'a paid request expires',
    file: 'src/payment-requests/rows.ts',
    find: "payment_request.id = given.id and status = 'PENDING'",
    replace: 'payment_request.id = given.id',
    tests: ['test/payment-requests/expiry.test.ts'],
  },
  {
    name: 'a landing does not look whether its messages are due',
    file: 'src/landing/claims.ts',
    find: 'where due_at <= clock_timestamp()',
    replace: 'where true',
    tests: ['test/model/ledger.test.ts'],
  },
  {
    name: 'the second landing of a cycle takes it over',
    file: 'src/landing/claims.ts',
    find: 'on conflict do nothing',
    replace: "on conflict (topic, tenant, key, cycle) do update set outcome = 'delivered'",
    tests: ['test/activities/deliver.test.ts'],
  },
  {
    name: 'an event has another id at each try',
    file: 'src/outbox.ts',
    find: '`${topic}:${tenant}:${key}:${cycle}:${type}`',
    replace: '`${topic}:${tenant}:${key}:${cycle}:${type}:${Math.random()}`',
    tests: ['test/outbox.test.ts'],
  },
  {
    name: 'a cancel is answered without asking whether it was the one that won',
    file: 'src/workflows/commands.ts',
    find: "if (decision.commandId === command.commandId) return { result: 'cancelled' };",
    replace: "return { result: 'cancelled' };",
    tests: ['test/workflows/scheduled-message.test.ts'],
  },
  {
    name: 'the applied commands are lost at continue-as-new',
    file: 'src/workflows/scheduled-message.ts',
    find: 'applied: commands.applied()',
    replace: 'applied: []',
    tests: ['test/workflows/scheduled-message.test.ts'],
  },
  {
    name: 'a run ends while a command is at work',
    file: 'src/workflows/scheduled-message.ts',
    find: 'const settled = () => allHandlersFinished() && commands.idle();',
    replace: 'const settled = () => allHandlersFinished() || true;',
    tests: ['test/workflows/scheduled-message.test.ts'],
  },
  {
    name: 'commands do not wait for each other',
    file: 'src/workflows/commands.ts',
    find: 'const turn = line.then(apply);',
    replace: 'const turn = apply();',
    tests: ['test/workflows/commands.test.ts'],
  },
  {
    name: 'an unknown signal is left to the SDK',
    file: 'src/workflows/handlers.ts',
    find: 'setDefaultSignalHandler((name) => refuse(`unknown signal ${name}`));',
    replace: 'void setDefaultSignalHandler;',
    tests: ['test/workflows/scheduled-message.test.ts'],
  },
  {
    name: 'a payload that cannot be read throws',
    file: 'src/workflows/tolerant-payload-converter.ts',
    find: 'return undecodable as T;',
    replace: 'throw new Error(String(undecodable));',
    tests: ['test/workflows/scheduled-message.test.ts'],
  },
  {
    name: 'a move does not look which cycle was expected',
    file: 'src/workflows/commands.ts',
    find: '(expectedCycle !== undefined && expectedCycle !== message.cycle)',
    replace: 'false',
    tests: ['test/workflows/scheduled-message.test.ts'],
  },
  {
    name: 'the next cycle is counted from when the last was delivered',
    file: 'src/repeat.ts',
    find: 'const next = after(at);',
    replace: 'const next = after(nowMs);',
    tests: ['test/repeat.test.ts'],
  },
  {
    name: 'another post of a name takes the decision of the first for its own',
    file: 'src/ledger.ts',
    find: 'if (!anothers) return decisionOf(row);',
    replace: 'if (anothers || row) return decisionOf(row);',
    tests: ['test/posting-again.test.ts'],
  },
  {
    name: 'what is stale is delivered',
    file: 'src/landing/foregone.ts',
    find: 'decidedAt - message.dueAt > staleAfterMs',
    replace: 'staleAfterMs < 0',
    tests: ['test/landing/continued.test.ts'],
  },
  {
    name: 'a loop is not stopped',
    file: 'src/landing/foregone.ts',
    find: 'looping.has(place) ? LOOPING : answerTo(topic, one)',
    replace: 'answerTo(topic, one)',
    tests: ['test/landing/continued.test.ts'],
  },
];
