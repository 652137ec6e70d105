import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../local/ports';
import { TYPESCRIPT } from '../../local/run-typescript';
import { startWorkerProcess, type WorkerProcess } from '../../local/worker-process';
import { writeWorkflowBundle } from '../../src/process/workflow-bundle';
import { type ApplicationDatabase, startApplicationDatabase } from './application-database';
import { LINKS, type LinkName, type ProgramName } from './links';
import { type Link, startLink } from './proxy';
import { signalIfThere } from './signals';
import { startTemporal, type Temporal } from './temporal';

/** The whole system as processes of this machine, each of which may be killed, and every way between them a proxy. */
export interface Parts {
  postgres: ApplicationDatabase;
  temporal: Temporal;
  links: Record<LinkName, Link>;
  /** Where the workers' metrics are. */
  metricsUrls: string[];
  /** The process that a program is at this moment. */
  pidOf(program: ProgramName): number | undefined;
  startProducers(planFile: string, startedAt: number): Promise<void>;
  /** What the listener was delivered, and what the producers tried and were told. */
  files: { deliveries: string; diaries: string[] };
  stop(): Promise<void>;
}

/** Settings of the sweep with which a run of minutes sees what the defaults would show in hours. */
export const QUICK_SWEEP = { POSTDATE_SWEEP_GRACE_SECONDS: '3', POSTDATE_SWEEP_EVERY_SECONDS: '2' };
const PRODUCERS = ['producer0', 'producer1'] as const;

/**
 * Starts all parts in this folder, with these settings beside the defaults. A supervisor restarts programs that die.
 */
export async function startParts(
  folder: string,
  { settings, log }: { settings: Record<string, string>; log(line: string): void },
): Promise<Parts> {
  const stops: (() => Promise<unknown>)[] = [];
  const programs = new Map<ProgramName, WorkerProcess>();
  const links = {} as Record<LinkName, Link>;
  async function stop(): Promise<void> {
    for (const program of programs.values()) {
      const pid = program.pid();
      // It may be stopped in its tracks.
      if (pid !== undefined) signalIfThere(pid, 'SIGCONT');
    }
    await Promise.all([...programs.values()].map((program) => program.stop()));
    for (const stopPart of stops.reverse()) await stopPart();
    await Promise.all(Object.values(links).map((link) => link.stop()));
  }

  async function start(part: ProgramName, env: NodeJS.ProcessEnv, file: string, ready: string, args: string[] = []) {
    // A hundred kills in ten minutes: tsx costs each start 0.7 s of a processor.
    const program = { name: part, file, args, ready, loader: TYPESCRIPT };
    programs.set(part, await startWorkerProcess({ env, logFile: join(folder, `${part}.log`), program, log }));
  }

  try {
    const postgres = await startApplicationDatabase(join(folder, 'application'), log);
    stops.push(postgres.stop);
    const { temporal, link } = await startTemporal(join(folder, 'cluster'), startLink);
    stops.push(temporal.stop);
    const temporalPort = () => Number(temporal.address().split(':')[1]);
    for (const name of LINKS) {
      if (name === 'temporalDatabase') links[name] = link;
      else links[name] = await startLink(name.endsWith('Database') ? () => postgres.port : temporalPort);
    }
    const through = (database: LinkName, temporalLink?: LinkName) => ({
      ...process.env,
      ...settings,
      DATABASE_URL: Object.assign(new URL(postgres.url), { port: String(links[database].port) }).href,
      TEMPORAL_ADDRESS: temporalLink && `127.0.0.1:${links[temporalLink].port}`,
      TEMPORAL_NAMESPACE: 'default',
    });
    await mkdir(folder, { recursive: true });
    // Once, as in an image: half of the machine would go into bundling at each start.
    const workflowBundle = join(folder, 'workflows.bundle.js');
    await writeWorkflowBundle(workflowBundle);
    const metricsUrls: string[] = [];
    for (const worker of ['worker0', 'worker1'] as const) {
      const address = `127.0.0.1:${await freePort()}`;
      metricsUrls.push(`http://${address}/metrics`);
      const own = { POSTDATE_METRICS_ADDRESS: address, POSTDATE_WORKFLOW_BUNDLE: workflowBundle };
      const env = { ...through(`${worker}Database`, `${worker}Temporal`), ...own };
      await start(worker, env, 'chaos/programs/worker.ts', 'worker is running');
    }
    const deliveries = join(folder, 'deliveries.ndjson');
    const diaries = PRODUCERS.map((producer) => join(folder, `${producer}.ndjson`));
    await start('listener', through('listenerDatabase'), 'chaos/programs/listener.ts', 'listener is running', [
      deliveries,
    ]);

    return {
      postgres,
      temporal,
      links,
      metricsUrls,
      pidOf: (program) => programs.get(program)?.pid(),
      files: { deliveries, diaries },
      async startProducers(planFile, startedAt) {
        const env = through('producerDatabase', 'producerTemporal');
        for (const [number, producer] of PRODUCERS.entries()) {
          const args = [planFile, String(number), String(startedAt), diaries[number] as string];
          await start(producer, env, 'chaos/programs/producer.ts', 'producer is running', args);
        }
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
