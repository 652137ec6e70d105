import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { scripts } from '../../package.json';
import { allPages, type Block, blocksOf, COMMANDS, commandsOf, ROOT, readPage } from '../support/pages';
import { isNotRun, NOT_RUN } from './not-run';

/** The test that runs a page's commands: whatever `commandsOf` gives it. */
const RUN_BY: Record<string, string> = {
  'README.md': 'test/docs/readme.test.ts',
  'docs/quick-start.md': 'test/docs/quick-start.test.ts',
  'docs/http.md': 'test/http/docs.test.ts',
  'docs/cli.md': 'test/cli/docs.test.ts',
  'docs/operations.md': 'test/docs/operations.test.ts',
  'docs/streams.md': 'test/events/brokers/debezium.test.ts',
  'docs/releasing.md': 'test/docs/releasing.test.ts',
};
/** What is only looked at. */
const SHOWN = ['json', 'text', 'mermaid', 'yaml'];

const at = ({ page, line }: Block) => `${page}:${line}`;

/** What of these blocks nobody has thought of. */
function holesIn(blocks: Block[]): string[] {
  return blocks.flatMap((block) => {
    const { page, language, text } = block;
    if (isNotRun(block)) return [];
    if (SHOWN.includes(language)) return /^\$ /m.test(text) ? [`${at(block)} shows a command as ${language}`] : [];
    if (!COMMANDS.includes(language)) return [`${at(block)} is ${language || 'of no language'}: run, or only shown?`];
    return page in RUN_BY ? [] : [`${at(block)} is run by no test, and no reason is given`];
  });
}

it('every command of every page is run by a test, or is listed with the reason why not', () => {
  const blocks = allPages().flatMap((page) => blocksOf(page));
  expect(blocks.filter(({ language }) => COMMANDS.includes(language)).length).toBeGreaterThan(40);
  expect(holesIn(blocks)).toEqual([]);
});

it('a test that runs a page is there, and takes what it runs from the page', () => {
  for (const [page, test] of Object.entries(RUN_BY)) {
    expect({ page, commands: commandsOf(page).length > 0 }).toEqual({ page, commands: true });
    expect({ test, there: existsSync(join(ROOT, test)) }).toEqual({ test, there: true });
    const source = readPage(test);
    const takes =
      source.includes(`commandsOf('${page}')`) ||
      (source.includes(`PAGE = '${page}'`) && source.includes('commandsOf(PAGE)'));
    expect({ test, takes }).toEqual({ test, takes: true });
  }
});

it('what is listed as not run is one block of its page, or all of them, with a reason', () => {
  for (const { page, begins, why } of NOT_RUN) {
    const found = blocksOf(page).filter(({ text }) => text.startsWith(begins ?? ''));
    expect({ page, begins, found: begins === undefined ? found.length > 0 : found.length === 1 }).toMatchObject({
      found: true,
    });
    expect(why.length).toBeGreaterThan(20);
  }
});

it('would be found out: a page without a test, a language that nobody knows, no language, a command that is only shown (the control)', () => {
  const page = [
    '```sh',
    'rm -rf x',
    '```',
    '```bash',
    'ls',
    '```',
    '',
    '   ```',
    '   ls',
    '   ```',
    '```text',
    '$ ls',
    '```',
  ];
  expect(holesIn(blocksOf('docs/new.md', page.join('\n')))).toEqual([
    'docs/new.md:1 is run by no test, and no reason is given',
    'docs/new.md:4 is bash: run, or only shown?',
    'docs/new.md:8 is of no language: run, or only shown?',
    'docs/new.md:11 shows a command as text',
  ]);
  expect(() => blocksOf('docs/new.md', '```sh\nls\n')).toThrow('docs/new.md:1: the block has no end');
});

it('every npm script that a page names exists', () => {
  // What was true of an older release stays in the list of changes.
  for (const page of allPages().filter((name) => name !== 'CHANGELOG.md')) {
    const named = [...readPage(page).matchAll(/npm (?:run (?:-s )?|(?=start|test))([a-z:]+)/g)].map(([, name]) => name);
    for (const name of named)
      expect({ page, name, scripts }).toMatchObject({ scripts: { [name as string]: expect.any(String) } });
  }
});
