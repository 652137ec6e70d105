import { readFileSync, writeFileSync } from 'node:fs';
import { processTree } from './cpu';

/** Has the peak counted from now: the start of a worker is left out. */
export function resetPeak(pids: number[]): void {
  // 5 sets the peak to what the process has now: proc(5).
  for (const pid of pids.flatMap(processTree)) writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** The most memory that these processes had since then, with their descendants, in KB. A descendant that has ended does not count. */
export const peakKbOf = (pids: number[]): number => statusKbOf(pids, 'VmHWM');

/** The memory that these processes have now, with their descendants, in KB. */
export const residentKbOf = (pids: number[]): number => statusKbOf(pids, 'VmRSS');

function statusKbOf(pids: number[], field: 'VmHWM' | 'VmRSS'): number {
  const wanted = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm');
  const each = pids.flatMap(processTree).map((pid) => {
    const [, kb = '0'] = wanted.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kb);
  });
  return each.reduce((sum, kb) => sum + kb, 0);
}
