import { readFileSync, writeFileSync } from 'node:fs';
import { processTree } from './cpu';

/** Has the peak counted from now: the start of a worker, which bundles its workflows, is left out. */
export function resetPeak(pids: number[]): void {
  // 5 sets the peak to what the process has now: proc(5).
  for (const pid of pids.flatMap(processTree)) writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** The most memory that these processes had since then, with their descendants, in MB. A descendant that has ended does not count. */
export function peakMbOf(pids: number[]): number {
  const peakKb = pids.flatMap(processTree).map((pid) => {
    const [, kb = '0'] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kb);
  });
  return Math.round(peakKb.reduce((sum, kb) => sum + kb, 0) / 1024);
}
