import { stripVTControlCharacters } from 'node:util';
import { onPath } from '../../local/executables';
import { TYPESCRIPT } from '../../local/run-typescript';
import { type LocalProcess, runProgram } from './local-process';

const script = onPath('script');

/** For tests of what is drawn on a real terminal, which `script` gives; skipped, with that word, where there is none. */
export const itOnTerminal = (title: string, test: () => Promise<void>): void =>
  (script ? it : it.skip)(`on a real terminal (where there is a \`script\`) ${title}`, test);

export const CTRL_C = '\u0003';

/**
 * Runs one of the project's programs on a terminal of 80 columns and these `rows`, both outputs and the keyboard; `redirected`
 * is the shell's, as `2>file`. Prints its process id first.
 */
export function onTerminal(
  file: string,
  args: string[],
  { env = {}, rows = 24, redirected = '' }: { env?: NodeJS.ProcessEnv; rows?: number; redirected?: string } = {},
): LocalProcess {
  const quoted = args.map((arg) => `'${arg}'`).join(' ');
  // In the shell's place, which would otherwise get the Ctrl-C as well and end in its own way.
  const run = `exec ${process.execPath} ${TYPESCRIPT.join(' ')} ${file} ${quoted} ${redirected}`;
  const command = `stty rows ${rows} cols 80; echo "(pid $$)"; ${run}`;
  return runProgram(script as string, ['-qfec', command, '/dev/null'], { env: { TERM: 'xterm', ...env }, typed: true });
}

/** The lines that stay on the terminal of a program that clears its last one now and then: without what it has cleared. */
export function leftOn(printed: string): string[] {
  const [, ...lines] = printed.split('\r\n');
  const left = lines.map((line) => stripVTControlCharacters(line.slice(endOfCleared(line))));
  return left.at(-1) === '' ? left.slice(0, -1) : left;
}

// All of the line, or from its beginning on; nothing of what is written here is cleared in part.
const CLEARINGS = ['\u001b[2K', '\u001b[1G\u001b[0J'];
const endOfCleared = (line: string) => Math.max(0, ...CLEARINGS.map((clearing) => line.lastIndexOf(clearing)));

/** What the terminal was told about its cursor last; undefined: nothing. */
export function cursorAfter(printed: string): 'hidden' | 'shown' | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is looked for.
  const last = [...printed.matchAll(/\u001b\[\?25([hl])/g)].at(-1)?.[1];
  return last === undefined ? undefined : last === 'h' ? 'shown' : 'hidden';
}
