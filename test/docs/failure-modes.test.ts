import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const PARTS = ['Users', 'Metrics and logs', 'You'];

/** What is wrong with a page of failure modes: a heading that says too little, or whose tests are not there. */
function wrongOf(page: string): string[] {
  return page
    .split(/^## /m)
    .slice(1)
    .flatMap((section) => {
      const heading = section.slice(0, section.indexOf('\n'));
      const shown = [...section.matchAll(/`(test\/[^`]+\.test\.ts)`: “([^”]+)”/g)];
      const missing = PARTS.filter((part) => !section.includes(`**${part}:**`)).map((part) => `no ${part}`);
      const untrue = shown.filter(([, file = '', title = '']) => !hasTest(file, title)).map(([whole]) => whole);
      return [...(shown.length === 0 ? ['no test'] : []), ...missing, ...untrue].map((what) => `${heading} ${what}`);
    });
}

/** Whether this file calls something with this title first, as a test is declared. */
function hasTest(file: string, title: string): boolean {
  if (!existsSync(join(ROOT, file))) return false;
  const source = readFileSync(join(ROOT, file), 'utf8');
  return [`'`, '"', '`'].some((quote) => {
    const quoted = `${quote}${title.replaceAll(quote, `\\${quote}`)}${quote}`;
    return new RegExp(`\\(\\s*${quoted.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`).test(source);
  });
}

describe('the page of failure modes', () => {
  const page = readFileSync(join(ROOT, 'docs', 'failure-modes.md'), 'utf8');

  it('says for every "what if" what is seen and done, and names a test that is there', () => {
    expect(page.match(/^## /gm)?.length).toBeGreaterThanOrEqual(12);
    expect(wrongOf(page)).toEqual([]);
  });

  it('would be found out: no test, no such file, no such title, a part left out (the control)', () => {
    const parts = '**Users:** a. **Metrics and logs:** b. **You:** c.';
    const [file, title] = ['test/docs/failure-modes.test.ts', 'says for every "what if" what is seen and done'];
    expect(wrongOf(`## A\n${parts}\n`)).toEqual(['A no test']);
    expect(wrongOf(`## A\n${parts}\n\`test/no.test.ts\`: “x”\n`)).toEqual(['A `test/no.test.ts`: “x”']);
    expect(wrongOf(`## A\n${parts}\n\`${file}\`: “${title}”\n`)).toEqual([`A \`${file}\`: “${title}”`]);
    const whole = `\`${file}\`: “${title}, and names a test that is there”\n`;
    expect(wrongOf(`## A\n${parts.replace('**You:**', 'You:')}\n${whole}`)).toEqual(['A no You']);
    expect(wrongOf(`## A\n${parts}\n${whole}`)).toEqual([]);
  });
});
