import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './processes';

/** A disk of a few megabytes in memory, which can be full and have room again. */
export interface SmallDisk {
  /** Takes all the room that is left. */
  fill(): Promise<void>;
  /** Gives back what `fill` has taken. */
  free(): Promise<void>;
  unmount(): Promise<void>;
}

const TIMEOUT_MS = 30_000;
const BALLAST = 'ballast';

const mountArguments = (folder: string, megabytes: number) => [
  ...['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`],
  ...['postdate-small-disk', folder],
];

/** Promises whether a small disk can be mounted here: it takes Linux and root, and in some containers even root may not. */
export function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'postdate-mount-'));
  try {
    if (spawnSync('mount', mountArguments(folder, 1), { timeout: TIMEOUT_MS }).status !== 0) return false;
    return spawnSync('umount', [folder], { timeout: TIMEOUT_MS }).status === 0;
  } finally {
    rmdirSync(folder);
  }
}

/** Promises an empty disk of this size at this folder, which every account may enter. Its files end with it. */
export async function mountSmallDisk(folder: string, megabytes: number): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true });
  await run('mount', mountArguments(folder, megabytes), { timeoutMs: TIMEOUT_MS });
  const ballast = join(folder, BALLAST);
  return {
    async fill() {
      const file = await open(ballast, 'a');
      try {
        // The last pages one by one: a block that does not fit as a whole leaves room for smaller ones.
        for (const bytes of [1024 * 1024, 4 * 1024]) await writeUntilFull(file, Buffer.alloc(bytes));
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast, { force: true }),
    async unmount() {
      await run('umount', [folder], { timeoutMs: TIMEOUT_MS });
    },
  };
}

async function writeUntilFull(file: Awaited<ReturnType<typeof open>>, block: Buffer): Promise<void> {
  try {
    // A disk that is almost full takes a part of a block, and says so only at the next one.
    for (;;) await file.write(block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
