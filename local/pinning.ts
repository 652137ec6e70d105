import { onPath } from './executables';

/** Promises the command that runs this program on these CPUs only, under the same process id; unpinned without any. */
export function pinned(
  cpus: string | undefined,
  executable: string,
  args: string[],
): [executable: string, args: string[]] {
  if (cpus === undefined) return [executable, args];
  const taskset = onPath('taskset');
  if (!taskset) throw new Error(`cannot pin to CPUs ${cpus}: taskset(1), a part of util-linux, is not on PATH`);
  return [taskset, ['-c', cpus, executable, ...args]];
}
