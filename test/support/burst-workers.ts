import { type LocalProcess, runLocal } from './local-process';
import type { TestTemporal } from './temporal';

/** Starts workers of the burst's topic, each a process of its own, to be killed or stopped; none is left after a test. */
export function useBurstWorkers(temporal: TestTemporal, database: { url: string }): () => Promise<LocalProcess> {
  const running: LocalProcess[] = [];
  afterEach(async () => {
    for (const worker of running.splice(0)) {
      worker.signal('SIGKILL');
      await worker.exitCode;
    }
  });
  return async () => {
    const worker = runLocal('test/support/burst-worker.ts', { env: temporal.envFor(database) });
    running.push(worker);
    await worker.prints(/worker is running/);
    return worker;
  };
}
