import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface Usage {
  parent: number;
  ticks: number;
}

/** The parts of a contender whose work is measured: process ids, each standing for its whole tree. */
export interface MeteredParts {
  server?: number;
  worker?: number | number[];
  database?: number;
}

export interface CpuSeconds {
  server: number;
  worker: number;
  database: number;
  sum: number;
}

export interface CpuReading {
  /** Since the meter was made. */
  seconds: CpuSeconds;
  elapsedSeconds: number;
}

let ticksPerSecond: number | undefined;

/**
 * Promises the CPU seconds (user and system) that this process and all its descendants have used, those included that
 * have ended and were waited for, as PostgreSQL's postmaster does for its backends.
 */
export function cpuOf(pid: number): number {
  const all = usages();
  const ticks = descendantsIn(all, pid).reduce((sum, one) => sum + (all.get(one)?.ticks ?? 0), 0);
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks / ticksPerSecond;
}

/** Promises the process and everything that descends from it and lives now. */
export const processTree = (pid: number): number[] => descendantsIn(usages(), pid);

/** Starts measuring; each reading is what was used since. Read it before a part is stopped: then its figures are gone. */
export function meter(parts: MeteredParts): { read(): CpuReading } {
  const pidsOf = (part: keyof MeteredParts) => [parts[part] ?? []].flat();
  const used = (part: keyof MeteredParts) => pidsOf(part).reduce((sum, pid) => sum + cpuOf(pid), 0);
  const before = { server: used('server'), worker: used('worker'), database: used('database') };
  const startedAt = performance.now();
  return {
    read() {
      const since = (part: keyof typeof before) => used(part) - before[part];
      const [server, worker, database] = [since('server'), since('worker'), since('database')];
      const seconds = { server, worker, database, sum: server + worker + database };
      return { seconds: eachRounded(seconds), elapsedSeconds: hundredths((performance.now() - startedAt) / 1000) };
    },
  };
}

export type IdlePerSecond = Pick<CpuSeconds, 'server' | 'database'>;

/** Promises what 1,000 messages cost, without what the server and the database use anyway when nothing is asked of them. */
export function per1000(
  { seconds, elapsedSeconds }: CpuReading,
  messages: number,
  idlePerSecond: IdlePerSecond = { server: 0, database: 0 },
): CpuSeconds {
  const net = (part: 'server' | 'database') => Math.max(0, seconds[part] - idlePerSecond[part] * elapsedSeconds);
  const parts = [net('server'), seconds.worker, net('database')].map((used) => (used / messages) * 1000);
  const [serverEach = 0, worker = 0, database = 0] = parts;
  return eachRounded({ server: serverEach, worker, database, sum: serverEach + worker + database });
}

function eachRounded(seconds: CpuSeconds): CpuSeconds {
  const { server, worker, database, sum } = seconds;
  return {
    server: hundredths(server),
    worker: hundredths(worker),
    database: hundredths(database),
    sum: hundredths(sum),
  };
}

// The kernel counts in hundredths.
const hundredths = (seconds: number) => Math.round(seconds * 100) / 100;

function descendantsIn(all: Map<number, Usage>, root: number): number[] {
  const found = [root];
  // A `for of` over an array also visits what is pushed on the way, so this walks the whole tree.
  for (const parent of found) for (const [pid, usage] of all) if (usage.parent === parent) found.push(pid);
  return found;
}

function usages(): Map<number, Usage> {
  const all = new Map<number, Usage>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      // The name in brackets may contain anything; the fields behind it count from the state (3) on.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number) as [number, number, number, number];
      all.set(pid, { parent: Number(fields[1]), ticks: utime + stime + cutime + cstime });
    } catch (error) {
      // It ended while we looked; its parent's sums have it then.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return all;
}
