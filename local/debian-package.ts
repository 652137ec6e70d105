import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { onPath } from './executables';
import { run } from './processes';

// Without a network this is about tests that are skipped: not worth minutes of trying.
const IMPATIENT = ['-o', 'Acquire::Retries=0', '-o', 'Acquire::http::Timeout=10', '-o', 'Acquire::https::Timeout=10'];

/** Debian packages, and a file (relative to the root) without which they are not what was wanted. */
export interface Wanted {
  packages: string[];
  file: string;
  /** Also what these packages depend on and this machine lacks. */
  withLacking?: boolean;
}

/**
 * Promises the packages' files unpacked in this folder, readable for every account, without installing anything.
 * Throws when they cannot be had; what another start has unpacked in the meantime is as good.
 */
export async function fetchDebianPackages(folder: string, wanted: Wanted): Promise<void> {
  const { packages, file, withLacking } = wanted;
  const aptGet = onPath('apt-get');
  if (!aptGet) throw new Error('it is not installed, and without apt-get it cannot be fetched');
  const unfinished = await mkdtemp(`${folder}-`);
  try {
    const download = async () => {
      const names = withLacking ? await lacking(aptGet, packages) : packages;
      await run(aptGet, ['download', ...IMPATIENT, ...names], { cwd: unfinished, timeoutMs: 60_000 * names.length });
    };
    await download().catch(async (error) => {
      // Images come without the lists of packages.
      if (process.getuid?.() !== 0) throw error;
      await run(aptGet, ['update', ...IMPATIENT], { timeoutMs: 120_000 });
      await download();
    });
    const archives = (await readdir(unfinished)).filter((name) => name.endsWith('.deb'));
    for (const archive of archives) {
      // A browser is a minute's work for a machine that does everything else as well.
      await run('dpkg', ['-x', join(unfinished, archive), unfinished], { timeoutMs: 300_000 });
      await rm(join(unfinished, archive));
    }
    if (!existsSync(join(unfinished, file))) throw new Error(`the packages ${archives} have no ${file}`);
    await run('chmod', ['-R', 'a+rX', unfinished], { timeoutMs: 60_000 });
    await rm(folder, { recursive: true, force: true });
    await rename(unfinished, folder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Another start has been quicker.
    if (!existsSync(join(folder, file))) throw error;
  }
}

/** What apt would install for these packages on this machine, themselves among it. */
async function lacking(aptGet: string, packages: string[]): Promise<string[]> {
  const plan = await run(aptGet, ['install', '--simulate', '--no-install-recommends', ...packages], {
    timeoutMs: 60_000,
    // Its words are read here.
    env: { ...process.env, LC_ALL: 'C' },
  });
  return [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name as string);
}
