import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Mutant } from './mutants';

const run = promisify(execFile);
const ROOT = join(__dirname, '..', '..');
const PARTS = [
  'src',
  'app',
  'test',
  'local',
  'bench',
  'chaos',
  'docs',
  'examples',
  'package.json',
  'tsconfig.json',
  'jest.config.js',
];

// What a planted bug makes hang need not hang for two minutes.
const TEST_TIMEOUT_MS = '30000';

/** What the tests made of a planted bug. `broken`: they could not even be run, which proves nothing. */
export type Verdict = 'caught' | 'survived' | 'broken';

/** How often the text to be replaced is in its file; anything but once is a mutant that has lost its place. */
export const placesOf = async ({ file, find }: Mutant) =>
  (await readFile(join(ROOT, file), 'utf8')).split(find).length - 1;

/** Runs tests in a copy of this project, in which the given bug is planted, if any. */
export async function runWith(tests: string[], mutant?: Mutant): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'postdate-mutant-'));
  try {
    // Folders of these names, and not a source file whose name has one of these words in it.
    const isOurs = (path: string) => !/[\\/](node_modules|results)([\\/]|$)/.test(path);
    for (const part of PARTS) await cp(join(ROOT, part), join(folder, part), { recursive: true, filter: isOurs });
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    if (mutant) await plant(folder, mutant);
    return await verdictOf(folder, tests);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function plant(folder: string, { file, find, replace }: Mutant): Promise<void> {
  const path = join(folder, file);
  const text = await readFile(path, 'utf8');
  await writeFile(
    path,
    text.replace(find, () => replace),
  );
}

async function verdictOf(folder: string, tests: string[]): Promise<Verdict> {
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const env = { ...process.env, POSTDATE_MODEL_RUNS: '300', POSTDATE_RACES: '200', POSTDATE_TEST_TIMES: '' };
  try {
    await run(
      process.execPath,
      [jest, '--rootDir', folder, '--runInBand', '--testTimeout', TEST_TIMEOUT_MS, ...tests],
      {
        cwd: folder,
        env,
        maxBuffer: 64 * 2 ** 20,
      },
    );
    return 'survived';
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    return /Tests:\s+\d+ failed/.test(stderr) && !stderr.includes('Test suite failed to run') ? 'caught' : 'broken';
  }
}
