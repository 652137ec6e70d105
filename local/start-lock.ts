import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { isRunning, until } from './processes';

/** Promises that `use` runs while no other process on this machine holds this lock file. */
export async function withStartLock<T>(file: string, timeoutMs: number, use: () => Promise<T>): Promise<T> {
  await until(() => take(file, timeoutMs), timeoutMs);
  try {
    return await use();
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file: string, timeoutMs: number): Promise<void> {
  try {
    await writeFile(file, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const holder = Number(await readFile(file, 'utf8'));
    // A holder may keep the lock no longer than others may wait. An older file belongs to a dead process, even if
    // another process has its number now.
    const old = Date.now() - (await stat(file)).mtimeMs > 3 * timeoutMs;
    if (old || (holder > 0 && !(await isRunning(holder)))) await rm(file, { force: true });
    throw new Error(`process ${holder} is starting the same server (${file})`, { cause: error });
  }
}
