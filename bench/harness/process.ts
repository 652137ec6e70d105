import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pinned } from '../../local/pinning';
import { endProcess, lastLines, until } from '../../local/processes';

export interface ProgramOptions {
  /** The absolute path of a TypeScript program. */
  file: string;
  args?: string[];
  env?: NodeJS.ProcessEnv;
  /** What it prints when it is at work; a line of its own by default. */
  ready?: string;
  /** The CPUs it may use, as taskset takes them: `0` or `0,1`. Default: all. */
  cpus?: string;
  /** Takes what it prints. */
  logFile: string;
}

export interface Program {
  pid: number;
  /** Sends it a message, which it takes with `process.on('message')`. */
  send(message: object): void;
  /** The next message that it sends with `process.send`; rejects when it ends before. */
  received<Message>(): Promise<Message>;
  /** SIGTERM, and what has to follow if that is not enough. */
  stop(): Promise<void>;
}

const ROOT = join(__dirname, '..', '..');
// The workflow bundle takes seconds on an idle machine, and a worker's first start creates its schema as well.
const READY_TIMEOUT_MS = 180_000;

/** Promises a program in a process of its own that has said it is ready. Its end closes nothing but itself. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { file, args = [], env = {}, ready = 'ready\n', cpus, logFile } = options;
  const output = openSync(logFile, 'w');
  const [command, words] = pinned(cpus, process.execPath, ['--import', 'tsx', file, ...args]);
  const child = spawn(command, words, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    // A session of its own: Ctrl-C is for the benchmark, which ends its programs in their order.
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
  });
  closeSync(output);
  const inbox: unknown[] = [];
  const waiting: ((message: unknown) => void)[] = [];
  let end: string | undefined;
  let fail: (error: Error) => void = () => {};
  const ended = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // A caller that awaits a message gets this rejection. Without such a caller it is not an error.
  ended.catch(() => {});
  const over = (why: string) => {
    end ??= why;
    fail(new Error(`${file} ${end}\n${lastLines(readFileSync(logFile, 'utf8'))}`));
  };
  child.once('error', (error) => over(error.message));
  child.once('exit', (code, signal) => over(`ended with ${signal ?? code}`));
  child.on('message', (message) => {
    const taker = waiting.shift();
    if (taker) taker(message);
    else inbox.push(message);
  });
  const stop = async () => {
    if (child.pid === undefined || end !== undefined) return;
    // Longer than the workers' own grace time of 20 s and what comes on top of it.
    await endProcess(child.pid, [
      ['SIGTERM', 40_000],
      ['SIGKILL', 5_000],
    ]);
  };
  try {
    await until(async () => {
      if (end !== undefined) return;
      if (!readFileSync(logFile, 'utf8').includes(ready)) throw new Error(`${file} does not get ready`);
    }, READY_TIMEOUT_MS);
    if (end !== undefined || child.pid === undefined) await ended;
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    pid: child.pid as number,
    send: (message) => void child.send(message),
    received<Message>() {
      if (inbox.length > 0) return Promise.resolve(inbox.shift() as Message);
      return Promise.race([ended, new Promise<Message>((resolve) => waiting.push(resolve as (m: unknown) => void))]);
    },
    stop,
  };
}
