import { join } from 'node:path';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { freePort } from '../../local/ports';
import { launchServer } from '../../local/server-process';

export interface TestNats {
  url: string;
  connection: NatsConnection;
  manager: JetStreamManager;
}

/** A nats-server of the test file's own, with JetStream in this folder; stopped when the file is done. */
export function useNats(executable: string, folder: { path: string }): TestNats {
  const nats = {} as TestNats;
  let stop: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    const port = await freePort();
    nats.url = `nats://127.0.0.1:${port}`;
    const server = await launchServer({
      name: 'nats-server',
      command: [executable, ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', join(folder.path, 'nats')]],
      env: process.env,
      cwd: folder.path,
      logFile: join(folder.path, 'nats.log'),
      onSpawned: () => undefined,
      ready: async () => {
        nats.connection = await connect({ servers: nats.url });
      },
      readyTimeoutMs: 30_000,
      stopSteps: [
        ['SIGTERM', 10_000],
        ['SIGKILL', 5_000],
      ],
    });
    stop = server.stop;
    nats.manager = await jetstreamManager(nats.connection);
  });
  afterAll(async () => {
    await nats.connection?.close();
    await stop?.();
  });
  return nats;
}
