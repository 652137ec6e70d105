import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findChromium } from '../../local/chromium';

const { PATH, XDG_CACHE_HOME, CHROMIUM_PATH } = process.env;
let folder: string;
let said: string[];

/** A program of this name that answers to `--version` with this script. */
async function program(name: string, script: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postdate-chromium-'));
  said = [];
  // Nothing else is there: no browser, no apt-get, no cache.
  Object.assign(process.env, { PATH: folder, XDG_CACHE_HOME: join(folder, 'cache') });
  delete process.env.CHROMIUM_PATH;
});
afterEach(async () => {
  for (const [name, value] of Object.entries({ PATH, XDG_CACHE_HOME, CHROMIUM_PATH })) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await rm(folder, { recursive: true, force: true });
});

const find = () => findChromium({ log: (line) => said.push(line) });

it('the Chromium on PATH is taken if it starts, else the next one', async () => {
  await program('chromium', 'exit 1');
  await program('chromium-browser', 'echo "install the snap"');
  const executable = await program('google-chrome', 'echo "Google Chrome 156.0.8078.108"');
  expect(await find()).toEqual({ executable, env: {} });
});

it('CHROMIUM_PATH is taken as it is, and an error if it is no program', async () => {
  await program('chromium', 'echo "Chromium 156.0.8078.108"');
  const executable = await program('mine', 'exit 1');
  process.env.CHROMIUM_PATH = executable;
  expect(await find()).toEqual({ executable, env: {} });
  process.env.CHROMIUM_PATH = join(folder, 'none');
  await expect(find()).rejects.toThrow('CHROMIUM_PATH is');
});

it('where there is none, and none can be fetched, there is a word that says so', async () => {
  expect(await find()).toBeUndefined();
  expect(said).toEqual(['no Chromium: it is not installed, and without apt-get it cannot be fetched']);
});
