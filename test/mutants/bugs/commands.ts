// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are pieces of source code

import type { Mutant } from '../mutants';

/** About migrations beside work, and about commands on their way to Temporal. */
export const commands: Mutant[] = [
  {
    name: 'a message that sleeps beyond its due time starts with a delay',
    file: 'src/producing/start-delay.ts',
    find: 'isFetched(message) ||',
    replace: '',
    tests: ['test/producing/start-delay.test.ts'],
  },
  {
    name: 'the dispatcher starts messages by the queue',
    file: 'src/producing/dispatch/dispatcher.ts',
    find: 'command, { starting });',
    replace: 'command, {});',
    tests: ['test/producing/dispatch/eager-start.test.ts'],
  },
  {
    name: 'a migration waits for its locks without a limit',
    file: 'src/platform/database/migration-attempts.ts',
    find: '    await sql`set local lock_timeout = ${sql.lit(LOCK_TIMEOUT_MS)}`.execute(db);\n',
    replace: '',
    tests: ['test/platform/database/migration-locks.test.ts'],
  },
  {
    name: 'a migration ends at the first lock that it does not get',
    file: 'src/platform/database/migration-attempts.ts',
    find: "const BLOCKED = ['55P03', '40P01'];",
    replace: "const BLOCKED = ['40P01'];",
    tests: ['test/platform/database/migrate.test.ts'],
  },
  {
    name: 'a command that is due soon waits for its turn among those that are not',
    file: 'src/producing/dispatch/fair-claims.ts',
    find: "withinS: order === 'soon' ? SOON_S : undefined",
    replace: 'withinS: undefined',
    tests: ['test/producing/dispatch/neighbours.test.ts'],
  },
  {
    name: 'a tenant whose calls hang takes all places of the dispatcher',
    file: 'src/producing/dispatch/fair-claims.ts',
    find: 'AT_A_TIME / 2;',
    replace: 'AT_A_TIME;',
    tests: ['test/producing/dispatch/neighbours.test.ts'],
  },
  {
    name: "a tenant's failing commands are taken for an outage of Temporal",
    file: 'src/producing/dispatch/temporal-check.ts',
    find: 'await describeRecord(client, { workflowId: NO_WORKFLOW }, DEADLINE_MS);\n      answered();',
    replace: 'await describeRecord(client, { workflowId: NO_WORKFLOW }, DEADLINE_MS);',
    tests: ['test/producing/dispatch/neighbours.test.ts'],
  },
  {
    name: "a tenant's commands go in the order of their posting",
    file: 'src/producing/dispatch/command-queue.ts',
    find: 'order by waiting.due_at, waiting.seq limit',
    replace: 'order by waiting.seq limit',
    tests: ['test/producing/dispatch/dispatch-queue.test.ts'],
  },
  {
    name: 'a refused command is written down nowhere',
    file: 'src/producing/dispatch/dispatcher.ts',
    find: 'if (await answerCommand(tx, command, refused)) await recordRefusal(tx, command, refused);',
    replace: 'await answerCommand(tx, command, refused);',
    tests: ['test/events/refused-commands.test.ts'],
  },
  {
    name: 'a whole number that a double rounds is let in',
    file: 'src/message/exact-json.ts',
    find: ' && (!Number.isInteger(value) || Number.isSafeInteger(value))',
    replace: '',
    tests: ['test/message/exact-json.test.ts'],
  },
  {
    name: 'SQL lets in a number that JSON readers change',
    file: 'src/platform/database/migrations/0022-refused-commands.ts',
    find: 'abs(number) <= 9007199254740991\n',
    replace: 'true\n',
    tests: ['test/message/exact-json.test.ts'],
  },
  {
    name: 'a command id is used again for another command',
    file: 'src/platform/database/migrations/0022-refused-commands.ts',
    find: 'if other is not null then',
    replace: 'if false then',
    tests: ['test/producing/dispatch/in-transaction.test.ts'],
  },
  {
    name: 'a payment request of another amount counts as the same',
    file: 'app/payment-requests/requests.ts',
    find: "  if (centsOf(first.amount) !== centsOf(request.amount)) return 'amount';\n",
    replace: '',
    tests: ['test/app/payment-requests/requests.test.ts'],
  },
];
