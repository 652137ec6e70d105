import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pino from 'pino';
import { type RunningTemporal, startTemporal } from '../../local/temporal-server';
import { readConfig } from '../../src/config';
import type { Installation } from '../../src/installation';
import type { RunningWorker } from '../../src/process';
import { ensureSearchAttributes } from '../../src/search-attributes';
import { startWorker } from '../../src/worker';
import './quiet-runtime';

export interface TestTemporal {
  address: string;
  /** Only where it was asked for. */
  uiUrl?: string;
  connection: Connection;
  client: Client;
  /** The environment that a worker is configured by, beside this database. */
  envFor(database: { url: string }): NodeJS.ProcessEnv;
  /** The production worker in this process, for as long as `during` takes. */
  withWorker<Result>(database: { url: string }, parts: Installation, during: () => Promise<Result>): Promise<Result>;
}

/** A real Temporal dev server of the test file's own, with these settings beside its defaults. */
export function useTemporal(
  dynamicConfig: Record<string, unknown> = {},
  { webUi = false }: { webUi?: boolean } = {},
): TestTemporal {
  let server: RunningTemporal;
  let folder: string;
  const temporal: Partial<TestTemporal> & Pick<TestTemporal, 'envFor' | 'withWorker'> = {
    envFor: (database) => ({
      ...process.env,
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: 'default',
    }),
    async withWorker(database, parts, during) {
      const worker: RunningWorker = await startWorker(
        readConfig(temporal.envFor(database)),
        parts,
        pino({ level: 'silent' }),
      );
      try {
        return await during();
      } finally {
        worker.stop();
        await worker.finished;
      }
    },
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postdate-test-'));
    const executable = process.env.POSTDATE_TEST_TEMPORAL_CLI as string;
    // Port 0 is any free one.
    const preferredUiPort = webUi ? 0 : undefined;
    server = await startTemporal({ executable, dbFile: join(folder, 'temporal.db'), dynamicConfig, preferredUiPort });
    temporal.address = server.address;
    temporal.uiUrl = server.uiUrl;
    temporal.connection = await Connection.connect({ address: server.address });
    await ensureSearchAttributes(temporal.connection, 'default');
    temporal.client = new Client({ connection: temporal.connection });
  });
  afterAll(async () => {
    await temporal.connection?.close();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return temporal as TestTemporal;
}
