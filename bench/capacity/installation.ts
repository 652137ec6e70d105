import { join } from 'node:path';
import type { Pool } from 'pg';
import type { BenchContext } from '../harness/context';
import { NAMESPACE } from '../harness/namespace';
import type { Program } from '../harness/process';
import { workflowBundle } from '../harness/workflow-bundle';
import type { Places } from './places';
import { type Topics, topicsOf } from './topics';

/** A database with the business rows and Postdate's tables. */
export interface Database {
  url: string;
  pid: number;
  pool: Pool;
}

/** One database, its topics, and the workers that land their messages. */
export interface Installation {
  name: string;
  database: Database;
  topics: Topics;
  workers: Program[];
  /** Ends its workers. */
  stop(): Promise<void>;
}

/** What an installation's workers are set to beside their defaults. */
export interface WorkerSettings {
  workers: number;
  heldMessages: number;
  landingGroup?: number;
  landingTransactions?: number;
}

let started = 0;

/** Starts so many workers of an installation, each a process of its own, on the cores of workers. */
export async function startInstallation(
  bench: BenchContext,
  places: Places,
  { name, database }: Pick<Installation, 'name' | 'database'>,
  { workers: count, heldMessages, landingGroup, landingTransactions }: WorkerSettings,
): Promise<Installation> {
  const env = {
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: bench.cluster.address,
    TEMPORAL_NAMESPACE: NAMESPACE,
    BENCH_INSTALLATION: name,
    POSTDATE_WORKFLOW_BUNDLE: await workflowBundle(bench),
    // One worker may have to hold all of them. Fewer places would send the others back to Temporal.
    POSTDATE_HELD_MESSAGES: String(Math.max(10_000, heldMessages)),
    ...(landingGroup !== undefined && { POSTDATE_LANDING_GROUP: String(landingGroup) }),
    ...(landingTransactions !== undefined && { POSTDATE_LANDING_TRANSACTIONS: String(landingTransactions) }),
  };
  const start = () => {
    started += 1;
    const file = join(__dirname, 'worker.ts');
    return bench.start(`${name}-worker-${started}`, {
      file,
      env,
      ready: 'worker is running',
      cpus: places.workers,
    });
  };
  const workers = await Promise.all(Array.from({ length: count }, start));
  return {
    name,
    database,
    topics: topicsOf(name),
    workers,
    stop: async () => void (await Promise.all(workers.map((worker) => worker.stop()))),
  };
}
