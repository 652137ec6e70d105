import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { endProcess, lastLines, until } from './processes';

interface Launch {
  /** What an error calls it. */
  name: string;
  command: [executable: string, args: string[]];
  env: NodeJS.ProcessEnv;
  cwd: string;
  logFile: string;
  /** Called with the process id before the first wait. */
  onSpawned(pid: number): void;
  /** Resolves when the server answers; called again and again until it does. */
  ready(): Promise<void>;
  readyTimeoutMs: number;
  stopSteps: [signal: NodeJS.Signals, graceMs: number][];
}

/** Promises a server that is ready, or an error with the end of its log; in that case it does not run any more. */
export async function launchServer(launch: Launch): Promise<{ pid: number; stop(): Promise<void> }> {
  const { name, command, env, cwd, logFile, onSpawned, ready, readyTimeoutMs, stopSteps } = launch;
  const output = openSync(logFile, 'w');
  // A session of its own: Ctrl-C goes to the whole group of the terminal, and its database has to end after it.
  const child = spawn(...command, { detached: true, stdio: ['ignore', output, output], env, cwd, windowsHide: true });
  closeSync(output);
  let end: string | undefined;
  child.once('error', (error) => {
    end = error.message;
  });
  child.once('exit', (code, signal) => {
    end = `it ended with ${signal ?? code}`;
  });
  child.unref();
  const { pid } = child;
  const stop = async () => {
    if (pid !== undefined) await endProcess(pid, stopSteps);
  };
  try {
    if (pid !== undefined) onSpawned(pid);
    await until(async () => end ?? ready(), readyTimeoutMs);
    if (end !== undefined || pid === undefined) throw new Error(end ?? 'it has no process id');
    return { pid, stop };
  } catch (error) {
    await stop();
    // temporal-server puts its whole call stack into each line.
    const said = lastLines(await readFile(logFile, 'utf8')).replace(/^(.{400}).*$/gm, '$1 …');
    throw new Error(`${name} did not start: ${(error as Error).message}\n${said}`, { cause: error });
  }
}
