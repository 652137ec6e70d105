import type { Command } from 'commander';
import { installation } from '../../app/installation';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { invoiceReminder } from '../../examples/invoice-reminder';
import { TYPESCRIPT } from '../../local/run-typescript';
import { programOf } from '../../src/cli/main';
import { createApiKey } from '../../src/http/keys';
import { useDatabase } from '../support/database';
import { allDispatched } from '../support/dispatching';
import { runLocal, useFolder } from '../support/local-process';
import { allPages, commandsOf, readPage } from '../support/pages';
import { type Shell, withShell } from '../support/shell';
import { useTemporal } from '../support/temporal';
import { useVisibilityTable } from '../support/visibility-table';

const program = programOf(installation);
const page = readPage('docs/cli.md');
const sectionsOf = (text: string) =>
  new Map(
    text
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section]),
  );
/** Of a command that has commands of its own, theirs too. */
const flagsOf = (command: Command): string[] => [
  ...command.options.map(({ long }) => long as string),
  ...command.commands.flatMap(flagsOf),
];
const named = (name: string) => program.commands.find((command) => command.name() === name);

/** What is wrong with a page of the commands. */
function wrongOf(text: string): string[] {
  const sections = sectionsOf(text);
  const missing = program.commands.filter((command) => !sections.has(command.name())).map((one) => one.name());
  const wrong = [...sections].flatMap(([name, section]) => {
    const command = named(name);
    if (!command) return [`${name} is no command`];
    const example = new RegExp(`^\\$ postdate ${name}( .*)?\\n[^\`]`, 'm').exec(section);
    if (!example) return [`${name} has no example with its output`];
    const flags = (example[1] ?? '').match(/--[a-z-]+/g) ?? [];
    return flags.filter((flag) => !flagsOf(command).includes(flag)).map((flag) => `${name} has no ${flag}`);
  });
  return [...missing.map((name) => `${name} is missing`), ...wrong];
}

it('every command is on the page with an example of its own options, and nothing else is', () => {
  expect(program.commands.length).toBeGreaterThanOrEqual(15);
  expect(wrongOf(page)).toEqual([]);
});

it('would be found out: a command left out, one too many, no example, an option that there is not (the control)', () => {
  expect(wrongOf(page.replace('## watch', '## look'))).toEqual(['watch is missing', 'look is no command']);
  expect(wrongOf(page.replace('$ postdate list', '$ postdate lists'))).toEqual(['list has no example with its output']);
  expect(wrongOf(page.replace('--due +14d', '--till +14d'))).toEqual(['move has no --till']);
});

it('every command has --json and an example in its help, and what its page leaves out is there', () => {
  for (const command of program.commands) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    expect({ name: command.name(), flags: flagsOf(command), help }).toEqual({
      name: command.name(),
      flags: expect.arrayContaining(['--json']),
      help: expect.stringContaining(`$ postdate ${command.name()}`),
    });
    const [, example = ''] = /\$ postdate (.*)/.exec(help) ?? [];
    for (const flag of example.match(/--[a-z-]+/g) ?? []) expect(flagsOf(command)).toContain(flag);
  }
});

it('every command that another page names has the options that it names', () => {
  const named = allPages().flatMap((name) =>
    [...readPage(name).matchAll(/(?:npm run (?:-s )?postdate --|`postdate|\$ postdate) ([a-z-]+)([^`\n]*)/g)].map(
      ([, command, rest]) => ({ name, command: command as string, flags: (rest ?? '').match(/--[a-z-]+/g) ?? [] }),
    ),
  );
  expect(named.length).toBeGreaterThan(20);
  for (const { name, command, flags } of named) {
    const known = program.commands.find((one) => one.name() === command);
    const all = known ? flagsOf(known) : [];
    expect({ name, command, known: known !== undefined, flags }).toEqual({
      name,
      command,
      known: true,
      flags: flags.filter((flag) => all.includes(flag)),
    });
  }
});

describe('run as they stand on the page', () => {
  const temporal = useTemporal();
  const database = useDatabase(paymentsSchema);
  const visibility = useVisibilityTable();
  useFolder();
  const parts = { ...installation, topics: [...installation.topics, invoiceReminder] };

  // What the page shows of these needs a trouble that is not to be had for an example, or goes on until Ctrl-C.
  const ANSWERED_OTHERWISE = ['watch', 'events', 'doctor', 'stuck', 'redrive', 'reconcile', 'audit'];
  /** The first line of an answer, without what differs from one day to the next. */
  const shapeOf = (answer: string) =>
    (answer.split('\n')[0] ?? '')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'at')
      .replace(/\b[0-9a-f]{16}\b/g, 'id')
      .replace(/\d+/g, '0')
      .replace(/ {2,}/g, '  ');

  /** The examples that are answered in another way than the page says, or not at all. */
  async function wrongExamples({ run }: Shell): Promise<object[]> {
    const wrong: object[] = [];
    await run(`postdate() { node ${TYPESCRIPT.join(' ')} test/cli/docs-program.ts "$@"; }`);
    for (const { text, language } of commandsOf('docs/cli.md')) {
      expect(language).toBe('console');
      const [first = '', ...shown] = text.split('\n');
      const command = first.replace(/^\$ /, '');
      const name = command.split(' ')[1] as string;
      if (name === 'watch') {
        await watchUntilCtrlC(command.split(' ').slice(1));
        continue;
      }
      const printed = await run(`code=0; ${command} || code=$?; echo "exit $code"`);
      const alike = ANSWERED_OTHERWISE.includes(name) || shapeOf(printed) === shapeOf(shown.join('\n'));
      if (!/exit [01]$/.test(printed.trim()) || !alike) wrong.push({ command, printed, shown: shown[0] });
    }
    return wrong;
  }

  // Sixteen programs that start one after the other take some seconds each where a machine has other work.
  it('each example does what is said of it, and answers as the page shows', async () => {
    const { pool } = database;
    const requests = createPaymentRequests({ pool });
    await temporal.withWorker(database, parts, async () => {
      for (const id of ['pr-42', 'pr-43', 'pr-44']) {
        const about = { tenant: 'acme', id, payer: 'Doe', payee: 'John', amount: '100.00', currency: 'EUR' };
        await requests.request(about, Date.now() + 7_200_000);
      }
      await createApiKey(pool, { tenant: 'acme', label: 'billing' });
      await pool.query(
        `select postdate.schedule('payment-request.expiry', 'acme', 'pr-63', now() + interval '2 h', '{"payer": "Doe"}',
                                  cycle => 1, command_id => 'c-7')`,
      );
      await allDispatched(pool);
      const env = { ...temporal.envFor(database), POSTDATE_VISIBILITY_DATABASE_URL: visibility.url };
      expect(await withShell({ env }, wrongExamples)).toEqual([]);
    });
  }, 600_000);

  async function watchUntilCtrlC(args: string[]): Promise<void> {
    const env = { DATABASE_URL: database.url, ...temporal.env() };
    const watching = runLocal('test/cli/docs-program.ts', { args, env });
    await watching.prints(/"next":/);
    watching.signal('SIGINT');
    expect(await watching.ended).toBe(0);
  }
});
