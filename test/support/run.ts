import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withStartLock } from '../../local/start-lock';

/** How the name ends of a file that says what has been started. */
export const STARTED = '.started.json';

// The longest start is a broker's, on a machine that does much else.
const START_TIMEOUT_MS = 180_000;

/**
 * Promises what the first test file of this run that asked for `name` has started, as it can be written in JSON. A process
 * among it, by its `pid`, ends with the run.
 */
export async function onceInRun<Started>(name: string, start: (folder: string) => Promise<Started>): Promise<Started> {
  const folder = process.env.POSTDATE_TEST_RUN_FOLDER as string;
  const file = join(folder, `${name}${STARTED}`);
  const started = await read<Started>(file);
  if (started) return started;
  return withStartLock(`${file}.lock`, START_TIMEOUT_MS, async () => {
    const before = await read<Started>(file);
    if (before) return before;
    const made = await start(folder);
    // Others read it without the lock: it is there as a whole or not at all.
    await writeFile(`${file}.part`, JSON.stringify(made));
    await rename(`${file}.part`, file);
    return made;
  });
}

async function read<Started>(file: string): Promise<Started | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Started;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
