import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { endProcess } from './processes';

export interface WorkerProcess {
  /** The process that works now; another one after a crash. */
  pid(): number | undefined;
  stop(): Promise<void>;
}

interface Options {
  env: NodeJS.ProcessEnv;
  logFile: string;
  /** Starts the worker anew whenever a source file changes. */
  watch?: boolean;
  /** Another program than the worker, with what it prints when it is at work, and how Node reads TypeScript: by tsx. */
  program?: { name: string; file: string; args?: string[]; ready: string; loader?: string[] };
  log: (line: string) => void;
}

const ROOT = `${__dirname}/..`;
const WORKER: NonNullable<Options['program']> = {
  name: 'worker',
  file: 'app/main.ts',
  ready: 'worker is running',
};
/** The HTTP API as a process of its own. */
export const HTTP: NonNullable<Options['program']> = {
  name: 'HTTP API',
  file: 'app/http.ts',
  ready: 'http is listening',
};
// The workflow bundle takes seconds on a busy machine, and a first start creates the schema as well.
const READY_TIMEOUT_MS = 120_000;

/** Promises a running worker, and another one whenever it crashes; rejects if the first one does not get to work. */
export async function startWorkerProcess({
  env,
  logFile,
  watch,
  program: { name, file, args = [], ready: whenReady, loader = ['--import', 'tsx'] } = WORKER,
  log,
}: Options): Promise<WorkerProcess> {
  const logStream = createWriteStream(logFile, { flags: 'a' });
  let worker: ChildProcess | undefined;
  let stopping = false;
  let restarting = Promise.resolve();

  async function launch(): Promise<void> {
    const loading = watch ? ['node_modules/tsx/dist/cli.mjs', 'watch', '--clear-screen=false'] : loader;
    const started = spawn(process.execPath, [...loading, file, ...args], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    worker = started;
    started.stderr.pipe(logStream, { end: false });
    const ready = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('it does not get to work')), READY_TIMEOUT_MS);
      let lastLine = '';
      started.once('close', (code, signal) => {
        clearTimeout(timer);
        reject(new Error(`it ended with ${signal ?? code}: ${lastLine}`));
      });
      createInterface({ input: started.stdout }).on('line', (line) => {
        logStream.write(`${line}\n`);
        lastLine = line;
        if (!line.includes(whenReady)) return;
        clearTimeout(timer);
        resolve();
      });
    });
    await ready.catch((error: Error) => {
      // One that is not at work in time must not get to it beside the next one.
      started.kill('SIGKILL');
      throw new Error(`the ${name} did not start: ${error.message}; see ${logFile}`);
    });
    started.once('exit', (code, signal) => {
      if (stopping) return;
      log(`${name} ended with ${signal ?? code}; starting it again`);
      restarting = relaunch();
    });
  }

  async function relaunch(): Promise<void> {
    while (!stopping) {
      // A worker that cannot reach a server would otherwise be started as fast as it fails.
      await pause(1_000);
      if (stopping) return;
      try {
        await launch();
        log(`${name} runs again (pid ${worker?.pid})`);
        return;
      } catch (error) {
        log((error as Error).message);
      }
    }
  }

  async function stop(): Promise<void> {
    stopping = true;
    if (worker?.pid !== undefined && worker.exitCode === null && worker.signalCode === null) {
      // A little longer than the worker's own grace time, after which it ends by itself.
      await endProcess(worker.pid, [
        ['SIGTERM', 30_000],
        ['SIGKILL', 5_000],
      ]);
    }
    await restarting;
    logStream.end();
  }

  try {
    await launch();
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: () => worker?.pid, stop };
}
