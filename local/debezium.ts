import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache';
import { onPath } from './executables';
import { fetchJars } from './maven-jars';
import { freePort } from './ports';
import { launchServer } from './server-process';

const kafka = '4.1.0';
const debezium = '3.6.1.Final';
const ARTIFACTS = [
  { group: 'org.apache.kafka', name: 'connect-runtime', version: kafka },
  { group: 'io.debezium', name: 'debezium-connector-postgres', version: debezium },
  { group: 'io.debezium', name: 'debezium-api', version: debezium },
  { group: 'io.debezium', name: 'debezium-embedded', version: debezium },
  { group: 'org.slf4j', name: 'slf4j-simple', version: '1.7.36' },
];
// Ten seconds on two free cores; neighbours may hold those.
const READY_TIMEOUT_MS = 180_000;

export interface ConnectOptions {
  /** As `findDebezium` promises them. */
  jars: string;
  /** What it has read up to where, and the log. */
  folder: string;
  /** Of the Kafka broker. */
  address: string;
  connector: { name: string; config: Record<string, string> };
}

/** Promises the folder of the jars of Kafka Connect with Debezium, fetched once into our cache; nothing if it cannot be had. */
export async function findDebezium({ log }: { log: (line: string) => void }): Promise<string | undefined> {
  const folder = join(cacheFolder(), `debezium-${debezium}`);
  const jars = join(folder, 'lib');
  try {
    if (!onPath('java')) throw new Error('there is no `java` on PATH');
    if (!existsSync(jars)) await fetchJars(folder, ARTIFACTS);
    return jars;
  } catch (error) {
    log(`no Debezium: ${(error as Error).message}`);
    return undefined;
  }
}

/** Promises Kafka Connect as one process with one connector, which runs. */
export async function startConnect({
  jars,
  folder,
  address,
  connector,
}: ConnectOptions): Promise<{ stop(): Promise<void> }> {
  const port = await freePort();
  const [worker, file, plugins] = [
    join(folder, 'worker.properties'),
    join(folder, 'connector.json'),
    join(folder, 'plugins'),
  ];
  await mkdir(plugins, { recursive: true });
  await writeFile(file, JSON.stringify(connector));
  await writeFile(worker, propertiesOf({ address, port, folder, plugins }));
  return launchServer({
    name: 'Kafka Connect',
    command: [
      'java',
      [...JAVA, '-cp', join(jars, '*'), 'org.apache.kafka.connect.cli.ConnectStandalone', worker, file],
    ],
    env: process.env,
    cwd: folder,
    logFile: join(folder, 'connect.log'),
    onSpawned: () => undefined,
    ready: () => isRunning(port, connector.name),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSteps: [
      ['SIGTERM', 30_000],
      ['SIGKILL', 5_000],
    ],
  });
}

const JAVA = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];

async function isRunning(port: number, name: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/connectors/${name}/status`);
  const { tasks = [] } = (await answer.json()) as { tasks?: { state: string; trace?: string }[] };
  if (tasks[0]?.state !== 'RUNNING')
    throw new Error(`the connector is not running: ${tasks[0]?.trace ?? answer.status}`);
}

const propertiesOf = ({
  address,
  port,
  folder,
  plugins,
}: {
  address: string;
  port: number;
  folder: string;
  plugins: string;
}) =>
  `bootstrap.servers=${address}
listeners=http://127.0.0.1:${port}
offset.storage.file.filename=${join(folder, 'offsets')}
offset.flush.interval.ms=1000
# The connector brings its own.
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
# What is on the class path is found as well.
plugin.path=${plugins}
`;
