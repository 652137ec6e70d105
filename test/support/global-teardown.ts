import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { dropDatabase } from '../../local/databases';
import { endProcess } from '../../local/processes';
import type { TestRun } from './global-setup';
import { STARTED } from './run';

/** Ends what global-setup and `onceInRun` have started, and only that. */
export default async function globalTeardown(): Promise<void> {
  const run = (globalThis as { postdateTestRun?: TestRun }).postdateTestRun;
  if (!run) return;
  await Promise.all((await pidsIn(run.folder)).map(end));
  await rm(run.folder, { recursive: true, force: true });
  if (run.postgres) {
    await run.postgres.stop();
    await rm(run.postgres.dataFolder, { recursive: true, force: true });
  } else await dropDatabase(process.env.POSTDATE_TEST_DATABASE_URL as string, run.template);
}

async function pidsIn(folder: string): Promise<number[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(STARTED));
  const started = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return started.flatMap((text) => (JSON.parse(text) as { pid?: number }).pid ?? []);
}

const end = (pid: number) =>
  endProcess(pid, [
    ['SIGTERM', 30_000],
    ['SIGKILL', 5_000],
  ]);
