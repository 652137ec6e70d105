import { existsSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readFile, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type Account, mayUse } from './postgres-account';
import { run } from './processes';

/** Promises an initialised data folder that belongs to the account, and returns its real path. */
export async function dataFolderFor(
  wanted: string,
  { native, account, durable }: { native: string; account: Account | undefined; durable: boolean },
): Promise<string> {
  await mkdir(dirname(resolve(wanted)), { recursive: true });
  const folder = join(await realpath(dirname(resolve(wanted))), basename(wanted));
  if (account && !mayUse(account, dirname(folder), 'x')) {
    throw new Error(
      `PostgreSQL cannot run as root, so it runs as "${account.name}", and that account cannot reach ${folder}. ` +
        'Open the folders above it (chmod o+x), choose another folder (one below /var/lib, say), ' +
        'or set DATABASE_URL to a PostgreSQL that runs already.',
    );
  }
  if (!existsSync(join(folder, 'PG_VERSION'))) await initialise(folder, native, account, durable);
  // It may come from a start as another user, or from root's own copying.
  if (account && (await stat(folder)).uid !== account.uid) {
    await run('chown', ['-R', `${account.uid}:${account.gid}`, folder], { timeoutMs: 60_000 });
  }
  return folder;
}

/** Promises process id and port as the server of this folder wrote them down, or nothing if no such file is there. */
export async function lockOf(folder: string): Promise<{ pid: number; port: number } | undefined> {
  try {
    const lines = (await readFile(join(folder, 'postmaster.pid'), 'utf8')).split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

// Beside the folder and then renamed: an initdb that was killed would leave a half that every later start refuses.
async function initialise(
  folder: string,
  native: string,
  account: Account | undefined,
  durable: boolean,
): Promise<void> {
  const unfinished = await mkdtemp(`${folder}-initdb-`);
  try {
    if (account) await chown(unfinished, account.uid, account.gid);
    // PostgreSQL's built-in C.UTF-8 sorts alike everywhere; the system's one is missing on macOS and Windows.
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    await run(
      join(native, 'bin', 'initdb'),
      ['-D', unfinished, '--username=postgres', '--auth=trust', ...locale, ...(durable ? [] : ['--no-sync'])],
      { timeoutMs: 120_000, cwd: dirname(native), uid: account?.uid, gid: account?.gid },
    );
    await moveInto(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function moveInto(finished: string, folder: string): Promise<void> {
  try {
    // An empty folder of the caller's is fine; rmdir refuses any other, so nothing of his is lost.
    if (existsSync(folder)) await rmdir(folder);
    await rename(finished, folder);
  } catch (error) {
    // Two starts at once: the other one was first, and its folder is as good as ours.
    if (existsSync(join(folder, 'PG_VERSION'))) return;
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new Error(`${folder} is not empty and holds no PostgreSQL data; choose another folder`, { cause: error });
  }
}
