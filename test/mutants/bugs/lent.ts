// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are pieces of source code
import type { Mutant } from '../mutants';

const landing = 'test/delivery/landing/lent-transaction.test.ts';
const consumers = 'test/events/lent-client.test.ts';
const activities = 'test/activities/read-input.test.ts';
const lent = 'src/platform/database/lent-transaction.ts';

/** About what is lent to foreign code, and what foreign workflows ask for. */
export const lentToStrangers: Mutant[] = [
  {
    name: 'lent: a commit behind a nested comment is let through',
    file: 'src/platform/database/bare-statements.ts',
    find: "depth += edge[0] === '/*' ? 1 : -1;",
    replace: 'depth -= 1;',
    tests: ['test/delivery/lanes/shadow/harmless.test.ts'],
  },
  {
    name: "lent: an installation's routes take the connections of the API",
    file: 'src/http/operations.ts',
    find: '...routes({ ...parts, pool: routesPool })',
    replace: '...routes(parts)',
    tests: ['test/http/neighbour.test.ts'],
  },
  {
    name: 'lent: a number that JSON does not have becomes null to listeners',
    file: 'src/events/event-data.ts',
    find: "if (text.includes('null'))",
    replace: 'if (text === undefined)',
    tests: ['test/events/outbox.test.ts'],
  },
  {
    name: 'lent: foreign code ends the transaction that it was lent',
    file: lent,
    find: 'if (!isOver && !isRefused(text))',
    replace: 'if (!isOver)',
    tests: [landing, consumers],
  },
  {
    name: 'lent: a text that ends the transaction is let through when it comes again',
    file: lent,
    find: 'knownTexts.set(text, ends);',
    replace: 'knownTexts.set(text, false);',
    tests: ['test/platform/database/lent-transaction.test.ts'],
  },
  {
    name: 'lent: foreign code goes on with a transaction after its call',
    file: lent,
    find: '      isOver = true;',
    replace: '      isOver = false;',
    tests: [landing, consumers],
  },
  {
    name: 'lent: what a handler sets counts for the next message of its group',
    file: 'src/delivery/landing/answers.ts',
    find: 'const AFTER_HANDLER = resetWithin({ lockTimeoutMs: LOCK_TIMEOUT_MS });',
    replace: "const AFTER_HANDLER = 'select 1';",
    tests: [landing],
  },
  {
    name: 'lent: what foreign code leaves in a session is there for the next transaction',
    file: 'src/platform/database/pool.ts',
    find: 'isLent ? `commit; ${RESET_SESSION}` : ',
    replace: '',
    tests: [landing, consumers],
  },
  {
    name: 'lent: an upcast changes the message itself',
    file: 'src/delivery/landing/answers.ts',
    find: 'const copy = copyOf(message);',
    replace: 'const copy = message;',
    tests: [landing],
  },
  {
    name: 'lent: a statement that a handler has left running is waited for without end',
    file: 'src/delivery/landing/answers.ts',
    find: 'inHandlersTime(topic, () => tx.query(statements), delivery)',
    replace: 'tx.query(statements)',
    tests: [landing],
  },
  {
    name: 'lent: consumers take the connections of landings',
    file: 'src/process/start-streams.ts',
    find: 'startConsumer(own, consumer',
    replace: 'startConsumer(pool, consumer',
    tests: ['test/process/hanging-consumers.test.ts'],
  },
  {
    name: 'lent: an activity holds whatever a workflow asks for',
    file: 'src/activities/read-input.ts',
    find: 'admit(refuseUnusable(message, EVER) ??',
    replace: 'admit(',
    tests: [activities],
  },
  {
    name: 'lent: a text that jsonb cannot hold keeps the rows beside it from being written',
    file: 'src/delivery/held/held-rows.ts',
    find: 'refuseUnstorable(json) === undefined',
    replace: 'json !== undefined',
    tests: [activities],
  },
  {
    name: 'lent: the sweep lands what no workflow has asked the contract for',
    file: 'src/producing/waiting-runs.ts',
    find: 'if (isFromOutside(events)) admit',
    replace: 'if (events.length < 0) admit',
    tests: ['test/maintenance/overdue-messages.test.ts'],
  },
  {
    name: 'lent: parsers of the application count for our own statements',
    file: 'src/platform/database/own-types.ts',
    find: "format === 'text' ? (parsers.get(oid) ?? String)",
    replace: "format !== 'text' ? (parsers.get(oid) ?? String)",
    tests: [landing],
  },
];
