import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { programOf } from '../../src/cli';
import { installation } from '../../src/installation';

const program = programOf(installation);
const page = readFileSync(join(__dirname, '..', '..', 'docs', 'cli.md'), 'utf8');
const sectionsOf = (text: string) =>
  new Map(
    text
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section]),
  );
const flagsOf = (command: Command) => command.options.map(({ long }) => long as string);
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
