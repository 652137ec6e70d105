import { rm } from 'node:fs/promises';
import type { RunningPostgres } from '../../local/postgres';

/** Ends what global-setup started, and only that. */
export default async function globalTeardown(): Promise<void> {
  const started = (globalThis as { postdateTestPostgres?: { postgres: RunningPostgres; dataFolder: string } })
    .postdateTestPostgres;
  if (!started) return;
  await started.postgres.stop();
  await rm(started.dataFolder, { recursive: true, force: true });
}
