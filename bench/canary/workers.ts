import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { STABLE } from '../../src/message/lane-name';
import type { BenchContext } from '../harness/context';
import { NAMESPACE } from '../harness/namespace';
import type { Program } from '../harness/process';
import { type CanaryRound, TENANTS } from './rounds';
import type { Conduct } from './topic';

/** The builds, by what they are: what everybody has, and what is on trial. */
export const BUILDS = { stable: 'v1', canary: 'v2' } as const;

/** A message that a handler was given. */
export interface Met {
  tenant: string;
  key: string;
}

export interface CanaryWorker extends Pick<Program, 'stop'> {
  /** Ends it at once, as a machine that fails does. */
  kill(): void;
  /** All that its handler was ever given, landed or not. */
  met(): Promise<Met[]>;
}

/** Starts stable's worker. */
export const startStable = (bench: BenchContext, leadMs: number): Promise<Program> =>
  startWorkerOf(bench, { lane: STABLE, build: BUILDS.stable, leadMs });

/** Starts the worker of a lane on trial, which does as the round says. */
export async function startCanary(
  { bench, leadMs, messages }: { bench: BenchContext; leadMs: number; messages: number },
  { tenants, conduct, groups }: CanaryRound,
  lane: string,
): Promise<CanaryWorker> {
  const metFile = join(bench.folder, `met-${lane}.tsv`);
  const groupSize = groups && Math.ceil(((messages / TENANTS.length) * tenants) / groups);
  const worker = await startWorkerOf(bench, { lane, build: BUILDS.canary, leadMs, conduct, metFile, groupSize });
  return {
    stop: worker.stop,
    kill: () => void process.kill(worker.pid, 'SIGKILL'),
    async met() {
      // Not there as long as it has met none.
      const text = await readFile(metFile, 'utf8').catch(() => '');
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const [tenant = '', key = ''] = line.split('\t');
          return { tenant, key };
        });
    },
  };
}

interface WorkerOptions {
  lane: string;
  build: string;
  leadMs: number;
  conduct?: Conduct;
  metFile?: string;
  groupSize?: number;
}

const startWorkerOf = (
  bench: BenchContext,
  { lane, build, leadMs, conduct = 'lands', metFile = '', groupSize }: WorkerOptions,
): Promise<Program> =>
  bench.start(`worker-${lane}`, {
    file: join(__dirname, 'worker.ts'),
    ready: 'worker is running',
    env: {
      DATABASE_URL: bench.database.url,
      TEMPORAL_ADDRESS: bench.cluster.address,
      TEMPORAL_NAMESPACE: NAMESPACE,
      POSTDATE_LANE: lane,
      POSTDATE_BUILD: build,
      POSTDATE_LANDING_GROUP: groupSize === undefined ? '' : String(groupSize),
      BENCH_LEAD_MS: String(leadMs),
      BENCH_CONDUCT: conduct,
      BENCH_MET_FILE: metFile,
    },
  });
