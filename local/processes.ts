import { type ExecFileOptions, execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Promises the standard output of a command that ended well, or an error with the end of what it said. */
export async function run(
  command: string,
  args: string[],
  { timeoutMs, ...options }: ExecFileOptions & { timeoutMs: number },
): Promise<string> {
  try {
    // Go and Maven are talkative: more than execFile's default of 1 MB would end them halfway.
    const limits = { timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024, encoding: 'utf8' as const };
    return (await execute(command, args, { ...options, ...limits })).stdout;
  } catch (error) {
    const { killed, stderr, stdout, message } = error as Error & { killed?: boolean; stderr?: string; stdout?: string };
    const reason = killed ? `not finished after ${timeoutMs / 1000} s` : lastLines(stderr || stdout || message);
    throw new Error(`${basename(command)} ${args[0]}: ${reason}`, { cause: error });
  }
}

/** Promises the last lines of a text, short enough for an error message. */
export function lastLines(text: string, count = 15): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

/** Promises the first result that the attempt gives without an error, or its last error once the deadline is over. */
export async function until<T>(attempt: () => Promise<T>, timeoutMs: number): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
    await pause(50);
  }
}

/** Promises whether this process runs and, where the platform tells, whether its command line contains the word. */
export async function isRunning(pid: number, word = ''): Promise<boolean> {
  if (!signalled(pid, 0)) return false;
  if (process.platform === 'win32') return true;
  if (process.platform !== 'linux') return (await commandOf(pid)).includes(word);
  try {
    // In a container whose first process is no init, orphans are not reaped: a zombie answers signal 0 for ever.
    const state = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ').at(-1);
    if (state?.startsWith('Z')) return false;
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(word);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Promises that the process is gone, sending each signal in turn and waiting its grace; else an error. */
export async function endProcess(pid: number, steps: [signal: NodeJS.Signals, graceMs: number][]): Promise<void> {
  for (const [signal, graceMs] of steps) {
    if (!signalled(pid, signal)) return;
    const deadline = Date.now() + graceMs;
    while (Date.now() < deadline) {
      if (!(await isRunning(pid))) return;
      await pause(20);
    }
  }
  throw new Error(`process ${pid} is still there after ${steps.map(([signal]) => signal).join(', ')}`);
}

function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return false;
    // EPERM in answer to signal 0 means that the process runs, under another account.
    if (code === 'EPERM' && signal === 0) return true;
    throw error;
  }
}

async function commandOf(pid: number): Promise<string> {
  try {
    return (await execute('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout;
  } catch (error) {
    // ps ends with 1 and says nothing when the process has just gone.
    if ((error as { code?: unknown }).code === 1) return '';
    throw error;
  }
}
