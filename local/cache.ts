import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Promises an existing folder of the user's own cache, `postdate` and the given parts below it. */
export function cacheFolder(...parts: string[]): string {
  const folder = join(userCache(), 'postdate', ...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function userCache(): string {
  if (process.env.XDG_CACHE_HOME) return process.env.XDG_CACHE_HOME;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  if (process.platform === 'win32' && process.env.LOCALAPPDATA) return process.env.LOCALAPPDATA;
  return join(homedir(), '.cache');
}
