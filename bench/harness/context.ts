import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { toldToStop } from '../../local/stack';
import type { RunningCluster } from '../../local/temporal-cluster';
import { createPool } from '../../src/platform/database/pool';
import { checkCommitTimes } from './commit-times';
import { describeCommit, describeMachine } from './machine';
import { type Program, type ProgramOptions, startProgram } from './process';
import { openResults, type ResultsWriter } from './results';
import { type ServerChoice, startServers } from './servers';
import { UsageError } from './usage-error';

export type BenchArgs = Record<string, string | boolean | undefined>;

export interface BenchContext {
  /** Throws where the benchmark asked for none. */
  readonly cluster: RunningCluster;
  /** The application's own database; its server is the cluster's unless the benchmark chose otherwise. */
  database: { url: string; pid: number; pool: Pool };
  out: ResultsWriter;
  log(line: string): void;
  /** Removed at the end. Everybody may enter it. */
  folder: string;
  /** Starts a program that ends with the benchmark at the latest; `name` is its log's. */
  start(name: string, options: Omit<ProgramOptions, 'logFile'>): Promise<Program>;
  /** Run at the end, also after an error or Ctrl-C; what was registered last goes first. */
  onStop(stop: () => Promise<unknown>): void;
}

export interface BenchStart {
  name: string;
  args: BenchArgs;
  command: string;
  servers?: ServerChoice;
}

// Of the benchmark's own questions; the contenders have pools of theirs.
const CONNECTIONS = 20;
const RESULTS = join(__dirname, '..', 'results');

const log = (line: string) => void process.stdout.write(`${line}\n`);

/**
 * Runs one benchmark on servers of its own. At its end, also after an error, they and all that it started are stopped.
 */
export async function withBench(
  { name, args, command, servers = {} }: BenchStart,
  use: (bench: BenchContext) => Promise<void>,
): Promise<void> {
  const interrupted = toldToStop().then(() => {
    throw new UsageError('interrupted');
  });
  const stops: (() => Promise<unknown>)[] = [];
  const onStop = (stop: () => Promise<unknown>) => void stops.push(stop);
  const starting: Promise<unknown>[] = [];
  let stopping = false;
  // What is only just being started at Ctrl-C has to be there before it can be stopped.
  const track = <Result>(start: () => Promise<Result>): Promise<Result> => {
    if (stopping) throw new Error('stopping');
    const started = start();
    starting.push(started);
    return started;
  };
  const heading = { command, ...(await describeCommit()), machine: describeMachine() };
  const out = await openResults(name, { folder: typeof args.out === 'string' ? args.out : RESULTS, heading, log });

  async function measure(): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), `postdate-bench-${name}-`));
    onStop(() => rm(folder, { recursive: true, force: true }));
    // Started by root, PostgreSQL runs under another account, which must be able to enter.
    await chmod(folder, 0o755);
    const { cluster, application } = await track(() => startServers({ folder, servers, log, onStop }));
    const pool = createPool(application.url, {
      connections: CONNECTIONS,
      onError: (error) => log(`database: ${error.message}`),
    });
    onStop(() => pool.end());
    await checkCommitTimes(pool);
    const start: BenchContext['start'] = (program, options) =>
      track(async () => {
        const started = await startProgram({ ...options, logFile: join(folder, `${program}.log`) });
        onStop(started.stop);
        return started;
      });
    await use({
      get cluster() {
        if (!cluster) throw new Error(`the benchmark ${name} runs without Temporal`);
        return cluster;
      },
      database: { ...application, pool },
      ...{ out, log, folder, start, onStop },
    });
  }

  try {
    await Promise.race([measure(), interrupted]);
  } finally {
    stopping = true;
    await Promise.allSettled(starting);
    for (const stop of stops.splice(0).reverse()) {
      await stop().catch((error: Error) => log(`while stopping: ${error.message}`));
    }
  }
}
