import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { freePort } from '../../local/ports';
import { isRunning, until } from '../../local/processes';
import { findTemporal } from '../../local/temporal-cli';
import { type RunningTemporal, startTemporal, type TemporalOptions } from '../../local/temporal-server';
import { startedByKilledParent } from './killed-parent';

// Where nothing can be downloaded the CLI is built first, up to five minutes on two cores.
const buildTimeoutMs = 15 * 60_000;

describe('a local Temporal server', () => {
  const running = new Set<RunningTemporal>();
  let executable: string;
  let folder: string;

  beforeAll(async () => {
    executable = await findTemporal({ log: (line) => process.stderr.write(`${line}\n`) });
  }, buildTimeoutMs);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'postdate-temporal-'));
  });

  afterEach(async () => {
    await Promise.all([...running].map((server) => server.stop()));
    running.clear();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (options: Partial<TemporalOptions> = {}) => {
    const server = await startTemporal({ executable, dbFile: join(folder, 'temporal.db'), ...options });
    running.add(server);
    return server;
  };

  const stop = async (server: RunningTemporal) => {
    await server.stop();
    running.delete(server);
  };

  const withClient = async <T>(address: string, namespace: string, use: (client: Client) => Promise<T>): Promise<T> => {
    const connection = await Connection.connect({ address });
    try {
      return await use(new Client({ connection, namespace }));
    } finally {
      await connection.close();
    }
  };

  test('keeps a waiting workflow over a restart', async () => {
    const workflowId = randomUUID();
    const first = await start({ namespace: 'letters' });
    await withClient(first.address, 'letters', (client) =>
      client.workflow.start('letter', { workflowId, taskQueue: 'nobody-listens', startDelay: '3 years' }),
    );
    await stop(first);
    expect(await isRunning(first.pid)).toBe(false);

    const second = await start({ namespace: 'letters' });
    expect(second.attached).toBe(false);
    const status = await withClient(
      second.address,
      'letters',
      async (client) => (await client.workflow.getHandle(workflowId).describe()).status.name,
    );
    expect(status).toBe('RUNNING');
  });

  test('survives its parent, is attached to by the next start, and ends with it', async () => {
    const options = { executable, dbFile: join(folder, 'temporal.db') };
    const orphan = await startedByKilledParent<RunningTemporal>('temporal-server', 'startTemporal', options);
    expect(await isRunning(orphan.pid)).toBe(true);

    const server = await start();
    expect(server).toMatchObject({ attached: true, pid: orphan.pid, address: orphan.address });
    await stop(server);
    expect(await isRunning(orphan.pid)).toBe(false);
  });

  test('runs once when two start it on one file at one moment', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    expect(one.pid).toBe(two.pid);
    expect([one.attached, two.attached].sort()).toEqual([false, true]);
  });

  test('starts anew on its file after it was killed hard', async () => {
    const first = await start();
    process.kill(first.pid, 'SIGKILL');
    running.delete(first);

    const second = await start();
    expect(second.pid).not.toBe(first.pid);
  });

  test('lives without a file and shows its Web UI when that has a port', async () => {
    const server = await start({ dbFile: undefined, preferredUiPort: await freePort() });
    expect((await fetch(server.uiUrl as string)).status).toBe(200);
  });

  test('takes another port where the preferred one is in use', async () => {
    const { address } = await start();
    const preferredPort = Number(address.split(':')[1]);
    const other = await start({ dbFile: join(folder, 'other.db'), preferredPort });
    expect(other.address).not.toBe(address);
    expect(other.attached).toBe(false);
  });

  test('two that prefer one port and start at one moment run each on its own', async () => {
    const ports = { preferredPort: await freePort(), preferredUiPort: await freePort() };
    const [one, two] = await Promise.all([
      start({ dbFile: join(folder, 'one.db'), namespace: 'one', ...ports }),
      start({ dbFile: join(folder, 'two.db'), namespace: 'two', ...ports }),
    ]);
    expect(new Set([one.pid, two.pid, one.address, two.address, one.uiUrl, two.uiUrl]).size).toBe(6);
    for (const { pid } of [one, two]) expect(await isRunning(pid)).toBe(true);
  });

  test('finds another port when somebody takes its own while it starts', async () => {
    // Listens on the port a moment after it was found free, as a stranger would.
    const rival = createServer();
    const preferredUiPort = await freePort();
    const starting = start({ preferredUiPort });
    await until(async () => {
      if (!existsSync(join(folder, 'temporal.db.server.json'))) throw new Error('not launched yet');
    }, 10_000);
    await new Promise<void>((resolve) => rival.listen(preferredUiPort, '127.0.0.1', resolve));
    try {
      expect((await starting).uiUrl).not.toContain(`:${preferredUiPort}`);
    } finally {
      rival.close();
    }
  });

  test('shows the end of its log when it cannot start', async () => {
    await expect(start({ executable: process.execPath })).rejects.toThrow(
      /did not start: it ended.*Cannot find module/s,
    );
    await expect(start({ executable: join(folder, 'temporal') })).rejects.toThrow(/did not start: .*ENOENT/s);
  });
});
