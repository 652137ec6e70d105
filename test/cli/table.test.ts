import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { onPath } from '../../local/executables';
import { TYPESCRIPT } from '../../local/run-typescript';
import { duration } from '../../src/cli/duration';
import { barsOf } from '../../src/cli/progress-bars';
import { tableOf } from '../../src/cli/table';
import { terminalOf } from '../../src/cli/terminal';

const ESCAPE = '\u001b';
const HEAD = ['at', 'detail'];
const ROWS = [
  ['now', 'a detail that is much longer than the terminal is wide'],
  ['then', `two\nlines${ESCAPE}`],
];

it('a table is plain and whole where there is no terminal, whatever asks for colours', () => {
  expect(tableOf(HEAD, ROWS, { cutLast: true, terminal: terminalOf({}, true) }).split('\n')).toEqual([
    'at    detail',
    'now   a detail that is much longer than the terminal is wide',
    'then  two lines',
  ]);
});

it('on a terminal its last column may be cut to fit, and its head is bold unless colours are not wanted', () => {
  const onTerminal = (colored: boolean, cutLast = true) =>
    tableOf(HEAD, ROWS, { cutLast, terminal: terminalOf({ isTTY: true, columns: 30 }, colored) });
  for (const line of onTerminal(false).split('\n')) expect(line.length).toBeLessThanOrEqual(30);
  expect(onTerminal(false)).toContain('…');
  expect(onTerminal(false, false)).toContain('the terminal is wide');
  expect(onTerminal(false)).not.toContain(ESCAPE);
  expect(onTerminal(true)).toContain(`${ESCAPE}[1mat`);
});

it('bars are as long as their numbers, and seen for anything above 0', () => {
  expect(barsOf([0, 1, 50, 100, 10_000], 10)).toEqual(['', '▏', '▏', '▏', '█'.repeat(10)]);
  expect(barsOf([3, 6], 4)).toEqual(['██', '████']);
  expect(barsOf([], 10)).toEqual([]);
});

it.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1_500, '1.5 s'],
  [59_000, '59 s'],
  [90_000, '1.5 min'],
  [86_400_000 * 30, '30 d'],
])('%d ms are %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

const script = onPath('script');
(script ? it : it.skip)('on a real terminal (where there is a `script`) NO_COLOR forbids colours', () => {
  const topics = (env: NodeJS.ProcessEnv) => {
    const { NO_COLOR, FORCE_COLOR, ...rest } = process.env;
    const command = `${process.execPath} ${TYPESCRIPT.join(' ')} app/cli.ts topics`;
    const options = { cwd: join(__dirname, '..', '..'), env: { ...rest, TERM: 'xterm', ...env }, encoding: 'utf8' };
    return spawnSync(script as string, ['-qfec', command, '/dev/null'], options as { encoding: 'utf8' }).stdout;
  };
  expect(topics({})).toContain(`${ESCAPE}[1mtopic`);
  const plain = topics({ NO_COLOR: '1' });
  expect(plain).toContain('payment-request.expiry');
  expect(plain).not.toContain(ESCAPE);
});
