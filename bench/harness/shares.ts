import { cpus } from 'node:os';
import { cpuOf } from './cpu';

/** A part of what is measured, by name, with its processes; each stands for its whole tree. */
export type Parts = Record<string, number[]>;

/** How many cores each part kept busy, on average. */
export type Cores = Record<string, number>;

/** Starts measuring what cores each part keeps busy; `read` says so of the time since then. */
export function meterCores(parts: Parts): { read(): { cores: Cores; elapsedSeconds: number } } {
  const used = () =>
    Object.entries(parts).map(([name, pids]) => [name, pids.reduce((sum, pid) => sum + cpuOf(pid), 0)] as const);
  const before = new Map(used());
  const startedAt = performance.now();
  return {
    read() {
      const elapsedSeconds = (performance.now() - startedAt) / 1_000;
      const cores = used().map(([name, seconds]) => [name, (seconds - (before.get(name) ?? 0)) / elapsedSeconds]);
      return { cores: Object.fromEntries(cores) as Cores, elapsedSeconds };
    },
  };
}

export interface Load {
  cores: Cores;
  /** Of the parts that run on one thread, such as a Node process, how many processes each has. */
  threads?: Record<string, number>;
  machineCores?: number;
}

// Below this share a core has time left; above it processes wait for it. The kernel and the measurement take the rest.
const BUSY = 0.85;

/**
 * What keeps it from being faster. Either all cores are busy, and then the part that has most of them; or the single
 * thread of a part; or neither, and then it waits for the disk or for answers.
 */
export function bottleneckOf({ cores, threads = {}, machineCores = cpus().length }: Load): string {
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const [most, mostCores] = Object.entries(cores).reduce((one, other) => (other[1] > one[1] ? other : one));
  const all = Object.values(cores).reduce((sum, one) => sum + one, 0);
  for (const [part, processes] of Object.entries(threads)) {
    const busy = (cores[part] ?? 0) / processes;
    if (busy >= BUSY && all < machineCores * BUSY) return `the thread of ${part}, ${percent(busy)} busy`;
  }
  if (all < machineCores * BUSY) return `no processor: ${percent(all / machineCores)} of the cores are busy`;
  return `the processor: all ${machineCores} cores are busy, ${percent(mostCores / all)} of it with ${most}`;
}

/** A part of the whole, as a share of all cores that were kept busy. */
export function shareOf(cores: Cores, part: string): number {
  const all = Object.values(cores).reduce((sum, one) => sum + one, 0);
  return all === 0 ? 0 : Math.round(((cores[part] ?? 0) / all) * 100) / 100;
}
