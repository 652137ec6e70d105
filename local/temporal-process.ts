import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { listens } from './ports';
import { endProcess, isRunning, lastLines, until } from './processes';
import { answersFor } from './temporal-namespace';

interface Process {
  pid: number;
  port: number;
  uiPort?: number;
}

interface Launch {
  executable: string;
  args: string[];
  port: number;
  uiPort?: number;
  namespace: string;
  dbFile?: string;
  logFile: string;
  readyTimeoutMs: number;
}

/** Promises one canonical path for this file, and that the folder around it exists. */
export function realFile(path: string): string {
  const folder = dirname(resolve(path));
  mkdirSync(folder, { recursive: true });
  return join(realpathSync(folder), basename(path));
}

/** Promises the answering server that a killed parent left on this file, or nothing when there is none. */
export async function attachTemporal(dbFile: string, namespace: string, timeoutMs: number) {
  const server = await noteOf(dbFile);
  if (!server || !(await isRunning(server.pid, dbFile))) return undefined;
  return until(async () => {
    // It may be the end of a shutdown that we see; then a new start is right.
    if (!(await isRunning(server.pid))) return undefined;
    await answers(server.port, namespace);
    return { ...server, stop: () => stop(server.pid, noteFile(dbFile)) };
  }, timeoutMs);
}

/** Promises a new server that answers for the namespace, or an error with the end of its log. */
export async function launchTemporal(wanted: Launch) {
  const { executable, args, port, uiPort, namespace, dbFile, logFile, readyTimeoutMs } = wanted;
  const output = openSync(logFile, 'w');
  // A session of its own: Ctrl-C goes to the whole group of the terminal, and the worker has to end before its server.
  const child = spawn(executable, args, { detached: true, stdio: ['ignore', output, output], windowsHide: true });
  closeSync(output);
  let end: string | undefined;
  child.once('error', (error) => {
    end = error.message;
  });
  child.once('exit', (code, signal) => {
    end = `it ended with ${signal ?? code}`;
  });
  child.unref();
  const note = dbFile === undefined ? logFile : noteFile(dbFile);
  const { pid } = child;
  // Before the first wait: from here on our own end must not hide the server from the next start.
  if (dbFile !== undefined && pid !== undefined) writeFileSync(note, JSON.stringify({ pid, port, uiPort }));
  try {
    await until(async () => end ?? answers(port, namespace), readyTimeoutMs);
    if (end !== undefined || pid === undefined) throw new Error(end ?? 'it has no process id');
    return { pid, port, uiPort, stop: () => stop(pid, note) };
  } catch (error) {
    const said = lastLines(await readFile(logFile, 'utf8'));
    if (pid !== undefined) await stop(pid, note);
    throw new Error(`the Temporal server did not start: ${(error as Error).message}\n${said}`, { cause: error });
  }
}

async function answers(port: number, namespace: string): Promise<void> {
  // gRPC waits a second after a refused connection; a bare socket knows at once that the server does not listen yet.
  await listens(port);
  await answersFor(`127.0.0.1:${port}`, namespace);
}

async function stop(pid: number, leftover: string): Promise<void> {
  // It closes its database within a second; the grace is for a machine that is busy with something else.
  await endProcess(pid, [
    ['SIGTERM', 20_000],
    ['SIGKILL', 5_000],
  ]);
  rmSync(leftover, { force: true });
}

function noteFile(dbFile: string): string {
  return `${dbFile}.server.json`;
}

async function noteOf(dbFile: string): Promise<Process | undefined> {
  try {
    return JSON.parse(await readFile(noteFile(dbFile), 'utf8')) as Process;
  } catch (error) {
    // A note cut short by a full disk or a hard end names no server either.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
