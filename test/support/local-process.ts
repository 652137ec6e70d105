import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess, isRunning } from '../../local/processes';
import { TYPESCRIPT } from '../../local/run-typescript';
import { eventually } from './eventually';

const ROOT = join(__dirname, '..', '..');

export interface LocalProcess {
  /** All that it has printed so far. */
  printed(): string;
  /** What of it went to standard error. */
  errors(): string;
  /** The first match of the pattern in what it prints, awaited. */
  prints(pattern: RegExp): Promise<RegExpExecArray>;
  signal(signal: NodeJS.Signals): void;
  /** Types into it, where it reads what is typed. */
  types(text: string): void;
  exitCode: Promise<number | null>;
  /** Its exit code, once all that it has printed is here; whoever it has started may keep that waiting. */
  ended: Promise<number | null>;
}

// Enough for a stack, or for the last lines of a benchmark.
const SHOWN = 4_000;
const started: ChildProcess[] = [];

/** Runs one of the project's programs, in an environment in which nothing is configured. */
export const runLocal = (
  file: string,
  { args = [], ...given }: { args?: string[]; env?: NodeJS.ProcessEnv; input?: string } = {},
): LocalProcess => runProgram(process.execPath, [...TYPESCRIPT, file, ...args], given);

/** Runs any program in the project's folder, in such an environment. */
export function runProgram(
  command: string,
  args: string[],
  { env = {}, input, typed = false }: { env?: NodeJS.ProcessEnv; input?: string; typed?: boolean } = {},
): LocalProcess {
  const { DATABASE_URL, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, FORCE_COLOR, ...rest } = process.env;
  const child = spawn(command, args, {
    cwd: ROOT,
    // Some build machines ask for colours though nobody sees them; what is printed here is compared.
    env: { ...rest, NO_COLOR: '1', TEMPORAL_CLI_PATH: process.env.POSTDATE_TEST_TEMPORAL_CLI, ...env },
    stdio: [input === undefined && !typed ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const { stdin, stdout, stderr } = child as ChildProcessWithoutNullStreams;
  if (input !== undefined) stdin.end(input);
  started.push(child);
  let printed = '';
  let errors = '';
  let ended = false;
  child.once('close', () => {
    ended = true;
  });
  stderr.on('data', (chunk) => (errors += chunk));
  for (const stream of [stdout, stderr]) stream.on('data', (chunk) => (printed += chunk));
  return {
    printed: () => printed,
    errors: () => errors,
    prints: (pattern) =>
      eventually(async () => {
        const match = pattern.exec(printed);
        if (match) return { match };
        const error = new Error(`it has not printed ${pattern}:\n${printed}`);
        // Nothing more will come from a program that has ended.
        if (ended) return { error };
        throw error;
      }, 180_000).then(({ match, error }) => {
        if (error) throw error;
        return match;
      }),
    signal: (signal) => child.kill(signal),
    types: (text) => void stdin.write(text),
    exitCode: new Promise((resolve) => child.once('exit', (code) => resolve(code))),
    ended: new Promise((resolve) => child.once('close', (code) => resolve(code))),
  };
}

/** The process ids that a program has printed as its own servers' and workers'. */
export const printedPids = (printed: string): number[] =>
  [...printed.matchAll(/\(pid (\d+)\)/g)].map((match) => Number(match[1]));

/** Fails if one of them still runs. */
export async function expectEnded(pids: number[]): Promise<void> {
  expect(pids.length).toBeGreaterThan(0);
  for (const pid of pids) expect({ pid, running: await isRunning(pid) }).toEqual({ pid, running: false });
}

/** A folder that PostgreSQL's account can enter when root runs the tests; removed when the file is done. */
export function useFolder(): { path: string } {
  const folder = { path: '' };
  beforeAll(async () => {
    folder.path = await mkdtemp(join(tmpdir(), 'postdate-local-'));
    await chmod(folder.path, 0o755);
  });
  afterAll(async () => {
    // Only a failed test leaves a program behind; it is asked first, so that it ends its own servers.
    for (const child of started) {
      if (child.exitCode === null && child.signalCode === null && child.pid) {
        await endProcess(child.pid, [
          ['SIGTERM', 60_000],
          ['SIGKILL', 5_000],
        ]);
      }
    }
    await rm(folder.path, { recursive: true, force: true });
  });
  return folder;
}

/** Resolves when it has ended well. Otherwise throws the last of what it has printed, which an exit code does not tell. */
export async function succeeded(program: LocalProcess): Promise<void> {
  const exitCode = await program.ended;
  if (exitCode !== 0) throw new Error(`it ended with ${exitCode}:\n${program.printed().slice(-SHOWN)}`);
}
