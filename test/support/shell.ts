import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { ROOT } from './pages';

/** One shell for all commands of a page, so that a later one has the variables of an earlier one. */
export interface Shell {
  /** What the commands print on standard output; throws, with all that they said, when one of them fails. */
  run(commands: string): Promise<string>;
}

const DONE = '\n<done>\n';
// Commands come on a descriptor of their own: a program that reads its standard input would take those after it.
// What a page leaves running in the background ends with its shell.
const LOOP = `trap 'kill $(jobs -p) 2>/dev/null || true' EXIT; while IFS= read -r -d '' -u 3 commands; do eval "$commands" </dev/null 3<&-; printf '\\n<done>\\n'; done`;

export async function withShell<Result>(
  { env, cwd = ROOT }: { env: NodeJS.ProcessEnv; cwd?: string },
  use: (shell: Shell) => Promise<Result>,
): Promise<Result> {
  const shell = spawn('bash', ['-euc', LOOP], { cwd, env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const commands = shell.stdio[3] as Writable;
  const closed = new Promise<number | null>((resolve) => shell.once('close', resolve));
  const said = { output: '', errors: '' };
  let told = () => {};
  shell.stdout?.on('data', (chunk) => {
    said.output += chunk;
    told();
  });
  shell.stderr?.on('data', (chunk) => {
    said.errors += chunk;
  });
  // A shell that has ended takes no more; what it said before is the error.
  commands.on('error', () => undefined);
  async function run(text: string): Promise<string> {
    Object.assign(said, { output: '', errors: '' });
    const done = new Promise<'done'>((resolve) => {
      told = () => said.output.endsWith(DONE) && resolve('done');
    });
    commands.write(`${text}\0`);
    const how = await Promise.race([done, closed]);
    if (how !== 'done') throw new Error(`ended with ${how}:\n${text}\n${said.output}${said.errors}`);
    return said.output.slice(0, -DONE.length);
  }
  try {
    return await use({ run });
  } finally {
    commands.end();
    await closed;
  }
}
