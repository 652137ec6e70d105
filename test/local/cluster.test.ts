import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { nanoid } from 'nanoid';
import { isRunning } from '../../local/processes';
import { type RunningCluster, startCluster } from '../../local/temporal-cluster';
import { findTemporalServer } from '../../local/temporal-server-executables';
import { expectEnded, printedPids, runLocal, useFolder } from '../support/local-process';

const folder = useFolder();
const running = new Set<RunningCluster>();
const logged: string[] = [];
const log = (line: string) => logged.push(line);

// Compiling the server takes seven minutes on two free cores, once per machine.
beforeAll(() => findTemporalServer({ log: (line) => process.stderr.write(`${line}\n`) }), 20 * 60_000);
afterEach(async () => {
  for (const cluster of running) await cluster.stop();
  running.clear();
});

const start = async (name: string, options: { shards?: number } = {}): Promise<RunningCluster> => {
  const cluster = await startCluster({ dataFolder: join(folder.path, name), shards: 4, log, ...options });
  running.add(cluster);
  return cluster;
};

async function withClient<Result>(address: string, use: (client: Client) => Promise<Result>): Promise<Result> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

it('a workflow survives a stop and a start, at the address that its clients know', async () => {
  const workflowId = nanoid();
  const first = await start('kept');
  await withClient(first.address, (client) =>
    client.workflow.start('nobodyRunsThis', { workflowId, taskQueue: 'nobody' }),
  );
  await Promise.all([first.stop(), first.stop()]);
  await expectEnded([first.pid, first.postgresPid]);

  const second = await start('kept');
  expect(second.address).toBe(first.address);
  const { status } = await withClient(second.address, (client) => client.workflow.getHandle(workflowId).describe());
  expect(status.name).toBe('RUNNING');
}, 300_000);

it('clusters run beside each other, each with its own workflows and metrics', async () => {
  const [one, other] = await Promise.all([start('one'), start('other')]);
  const workflowId = nanoid();
  const begin = (client: Client) => client.workflow.start('nobodyRunsThis', { workflowId, taskQueue: 'nobody' });
  await withClient(one.address, begin);
  await withClient(other.address, begin);
  for (const { metricsUrl } of [one, other]) {
    expect(await (await fetch(metricsUrl)).text()).toMatch(/^numshards_gauge\{.*\} 4$/m);
  }
}, 300_000);

it('a second start on a folder, and one with other shards, are refused and harm nothing', async () => {
  const cluster = await start('refused');
  await expect(start('refused')).rejects.toThrow(`started by process ${process.pid}`);
  expect(await isRunning(cluster.pid)).toBe(true);
  await cluster.stop();
  await expect(start('refused', { shards: 8 })).rejects.toThrow(/was made with 4 shards, not 8/);
  await expectEnded(printedPids(logged.join('\n')));
}, 300_000);

it('a server that cannot start is an error with the end of its log, and nothing stays behind', async () => {
  const failing = join(folder.path, 'failing-server');
  await writeFile(failing, '#!/bin/sh\necho "no history shards today"\nexit 3\n');
  await chmod(failing, 0o755);
  const before = process.env.TEMPORAL_SERVER_PATH;
  process.env.TEMPORAL_SERVER_PATH = failing;
  try {
    await expect(start('failing')).rejects.toThrow(
      /^temporal-server did not start: it ended with 3\nno history shards today$/,
    );
  } finally {
    if (before === undefined) delete process.env.TEMPORAL_SERVER_PATH;
    else process.env.TEMPORAL_SERVER_PATH = before;
  }
  await expectEnded(printedPids(logged.join('\n')));
}, 300_000);

it('the program prints its addresses, ends well on SIGTERM and leaves nothing; killed, the next start tidies up', async () => {
  const env = { POSTDATE_CLUSTER_FOLDER: join(folder.path, 'program') };
  const killed = runLocal('local/cluster.ts', { env });
  await killed.prints(/Ctrl-C stops/);
  killed.signal('SIGKILL');
  expect(await killed.exitCode).toBe(null);

  const program = runLocal('local/cluster.ts', { env });
  const [, address] = await program.prints(/^TEMPORAL_ADDRESS=(\S+)$/m);
  const { historyShardCount } = await withClient(address as string, ({ workflowService }) =>
    workflowService.getClusterInfo({}),
  );
  expect(historyShardCount).toBe(512);
  const [, metrics] = await program.prints(/^metrics: (\S+)$/m);
  expect((await fetch(metrics as string)).status).toBe(200);
  await program.prints(/Ctrl-C stops/);
  program.signal('SIGTERM');
  expect(await program.exitCode).toBe(0);
  await expectEnded([...printedPids(killed.printed()), ...printedPids(program.printed())]);
}, 300_000);

it('the program ends with an error when its server does', async () => {
  const program = runLocal('local/cluster.ts', { env: { POSTDATE_CLUSTER_FOLDER: join(folder.path, 'program') } });
  const [, pid] = await program.prints(/^temporal-server runs on \S+ \(pid (\d+)\)/m);
  await program.prints(/Ctrl-C stops/);
  process.kill(Number(pid), 'SIGKILL');
  expect(await program.exitCode).toBe(1);
  expect(program.printed()).toMatch(/has ended by itself, see .*temporal-server\.log/);
  await expectEnded(printedPids(program.printed()));
}, 300_000);
