import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client, Connection } from '@temporalio/client';
import { nanoid } from 'nanoid';
import pino from 'pino';
import { type RunningTemporal, startTemporal } from '../../local/temporal-server';
import { connectClient, type TemporalClient } from '../../src/platform/temporal/client';
import { ensureSearchAttributes } from '../../src/platform/temporal/search-attributes';
import { readConfig } from '../../src/process/config';
import type { Installation } from '../../src/process/installation';
import type { RunningWorker } from '../../src/process/run-process';
import { startWorker } from '../../src/worker';
import { eventually } from './eventually';
import './quiet-runtime';
import { onceInRun } from './run';
import { timed } from './times';

export interface TestTemporal {
  address: string;
  /** Only where it was asked for. */
  uiUrl?: string;
  /** The test file's own. */
  namespace: string;
  connection: Connection;
  client: Client;
  /** Where it is, as a client's environment says so. */
  env(): { TEMPORAL_ADDRESS: string; TEMPORAL_NAMESPACE: string };
  /** The environment that a worker is configured by, beside this database. */
  envFor(database: { url: string }): NodeJS.ProcessEnv;
  /** The production worker in this process, for as long as `during` takes. */
  withWorker<Result>(database: { url: string }, parts: Installation, during: () => Promise<Result>): Promise<Result>;
}

interface OwnServer {
  /** In Temporal's dynamic configuration. */
  dynamicConfig?: Record<string, unknown>;
  webUi?: boolean;
}

const executable = () => process.env.POSTDATE_TEST_TEMPORAL_CLI as string;
// What a namespace keeps of a message that has ended; nothing of a test run is that old.
const KEPT_SECONDS = 24 * 3_600;
// What is deleted is gone within a second instead of half a minute.
const FORGETS_SOON = {
  'history.transferProcessorUpdateAckInterval': '1s',
  'history.visibilityProcessorUpdateAckInterval': '1s',
};

/** A namespace of the test file's own on the real Temporal dev server that all test files of the run share. */
export const useTemporal = (): TestTemporal => temporalOf(`test-${nanoid().toLowerCase()}`);

/** A real Temporal dev server of the test file's own: for one that floods it, or needs settings beside its defaults. */
export const useOwnTemporal = (own: OwnServer = {}): TestTemporal => temporalOf('default', own);

function temporalOf(namespace: string, own?: OwnServer): TestTemporal {
  let server: RunningTemporal | undefined;
  let folder: string | undefined;
  let connected: TemporalClient | undefined;
  const temporal: Partial<TestTemporal> & Pick<TestTemporal, 'namespace' | 'env' | 'envFor' | 'withWorker'> = {
    namespace,
    env: () => ({ TEMPORAL_ADDRESS: temporal.address as string, TEMPORAL_NAMESPACE: namespace }),
    envFor: (database) => ({ ...process.env, DATABASE_URL: database.url, ...temporal.env() }),
    async withWorker(database, parts, during) {
      const config = readConfig(temporal.envFor(database));
      const worker: RunningWorker = await timed('worker', () => startWorker(config, parts, pino({ level: 'silent' })));
      try {
        return await during();
      } finally {
        worker.stop();
        await timed('end of a worker', () => worker.finished);
      }
    },
  };

  async function startOwn({ dynamicConfig, webUi }: OwnServer): Promise<RunningTemporal> {
    folder = await mkdtemp(join(tmpdir(), 'postdate-test-'));
    const dbFile = join(folder, 'temporal.db');
    // Port 0 is any free one.
    const preferredUiPort = webUi ? 0 : undefined;
    return startTemporal({ executable: executable(), dbFile, dynamicConfig, preferredUiPort });
  }

  beforeAll(async () => {
    if (own) server = await timed('own Temporal server', () => startOwn(own));
    temporal.uiUrl = server?.uiUrl;
    const address = server?.address ?? (await timed('shared Temporal server', sharedTemporal));
    temporal.address = address;
    connected = await connectClient({ namespace, connectionOptions: { address } });
    temporal.connection = connected.connection;
    temporal.client = connected.client;
    await timed('namespace', async () => {
      if (!own) await makeNamespace(temporal.connection as Connection, namespace);
      await ensureSearchAttributes(temporal.connection as Connection, namespace);
    });
  });
  afterAll(async () => {
    await connected?.close();
    await server?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });
  return temporal as TestTemporal;
}

/** Promises the address of the dev server of this run, which ends with the run. */
async function sharedTemporal(): Promise<string> {
  const { address } = await onceInRun('temporal', (folder) =>
    startTemporal({ executable: executable(), dbFile: join(folder, 'temporal.db'), dynamicConfig: FORGETS_SOON }),
  );
  return address;
}

async function makeNamespace({ workflowService }: Connection, namespace: string): Promise<void> {
  const workflowExecutionRetentionPeriod = { seconds: KEPT_SECONDS as never };
  await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
  // The server's parts get to know it one after the other.
  await eventually(() => workflowService.describeNamespace({ namespace }));
}
