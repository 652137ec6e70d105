import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/** Promises the unprivileged account PostgreSQL has to run as, or nothing where it may run as ourselves. */
export function serverAccount(): Account | undefined {
  // initdb and postgres refuse to run as root. Creating a user would outlive us, so we borrow one that exists.
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const uid = idOf(name, '-u');
    const gid = idOf(name, '-g');
    if (uid && gid) return { name, uid, gid };
  }
  throw new Error(
    'PostgreSQL refuses to run as root and there is neither an account "postgres" nor "nobody". ' +
      'Start as another user, or set DATABASE_URL to a PostgreSQL that runs already.',
  );
}

/** Promises whether this account may read (r), write (w), execute or enter (x) the path, as the system itself sees it. */
export function mayUse({ uid, gid }: Account, path: string, right: 'r' | 'w' | 'x'): boolean {
  return spawnSync('/bin/sh', ['-c', `test -${right} "$1"`, 'sh', path], { uid, gid, cwd: '/' }).status === 0;
}

/** Promises a folder that PostgreSQL can live in: the wanted one, or a place of the system if that is closed to it. */
export function reachableFolder(wanted: string): string {
  const account = serverAccount();
  const folder = resolve(wanted);
  if (!account) return folder;
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  // The data folder itself is mode 700 and may still be root's; what counts is the way to it.
  const way = existing === folder ? dirname(folder) : existing;
  if (mayUse(account, way, 'x')) return folder;
  return join(openFolder(), createHash('sha256').update(folder).digest('hex').slice(0, 12));
}

/** Promises an existing folder of root's that every account may enter. */
export function openFolder(): string {
  const failures: string[] = [];
  for (const folder of ['/var/lib/postdate', join(tmpdir(), 'postdate')]) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o755 });
      // In /tmp another account could have created a folder of this name with its own binaries.
      if (statSync(folder).uid === 0) return folder;
      failures.push(`${folder} belongs to somebody else`);
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  throw new Error(`found no place that the account of PostgreSQL can enter: ${failures.join('; ')}`);
}

function idOf(name: string, flag: '-u' | '-g'): number | undefined {
  const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' });
  return status === 0 ? Number(stdout) : undefined;
}
