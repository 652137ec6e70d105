import { cpus, platform } from 'node:os';
import { run } from '../../local/processes';
import { processTree } from '../harness/cpu';

/**
 * Which cores stand for which machine: in production the application's database is one of its own, and what the
 * scheduler does reaches it as statements only. Undefined where nothing can be pinned: then all share all cores.
 */
export const PLACES =
  platform() === 'linux' && cpus().length > 1 ? { application: '0', scheduler: '1', setUp: '0,1' } : undefined;

/** Promises that these processes, with all their threads and descendants, run on these cores from now on. */
export async function place(pids: number[], where: keyof NonNullable<typeof PLACES>): Promise<void> {
  if (PLACES) for (const pid of pids.flatMap(processTree)) await pin(pid, PLACES[where]);
}

/** Promises that this process runs beside the scheduler; what it starts says for itself where it runs. */
export async function placeSelf(): Promise<void> {
  if (PLACES) await pin(process.pid, PLACES.scheduler);
}

async function pin(pid: number, cores: string): Promise<void> {
  try {
    await run('taskset', ['-a', '-p', '-c', cores, String(pid)], { timeoutMs: 10_000 });
  } catch (error) {
    // A backend that has just ended needs no core.
    if (!(error as Error).message.includes('No such process')) throw error;
  }
}
