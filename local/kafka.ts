import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache';
import { onPath } from './executables';
import { fetchJars } from './maven-jars';
import { freePort, listens } from './ports';
import { run } from './processes';
import { launchServer } from './server-process';

export interface KafkaOptions {
  /** As `findKafka` promises them. */
  jars: string;
  /** Kept between starts: what was produced, and the log. */
  folder: string;
  /** Those of a broker which was there before. Default: free ones. */
  ports?: { broker: number; controller: number };
  /** Properties of the broker beside ours, or instead of them. */
  properties?: Record<string, string>;
}

export interface RunningKafka {
  address: string;
  ports: { broker: number; controller: number };
  pid: number;
  stop(): Promise<void>;
}

const version = '4.1.0';
const ARTIFACTS = [
  { group: 'org.apache.kafka', name: 'kafka_2.13', version },
  // So that it says why, when it does not start.
  { group: 'org.slf4j', name: 'slf4j-simple', version: '1.7.36' },
];
// Six seconds on two free cores; neighbours may hold those.
const READY_TIMEOUT_MS = 120_000;

/** Promises the folder of Kafka's jars: those of KAFKA_HOME, else fetched once into our cache; nothing if there is none, or no Java. */
export async function findKafka({ log }: { log: (line: string) => void }): Promise<string | undefined> {
  if (!onPath('java')) {
    log('no Kafka: there is no `java` on PATH');
    return undefined;
  }
  if (process.env.KAFKA_HOME) return join(process.env.KAFKA_HOME, 'libs');
  const folder = join(cacheFolder(), `kafka-${version}`);
  const jars = join(folder, 'lib');
  if (existsSync(jars)) return jars;
  try {
    await fetchJars(folder, ARTIFACTS);
    return jars;
  } catch (error) {
    log(`no Kafka: ${(error as Error).message}`);
    return undefined;
  }
}

/** Promises a Kafka broker, its own controller, on 127.0.0.1. */
export async function startKafka({ jars, folder, ports: given, properties = {} }: KafkaOptions): Promise<RunningKafka> {
  const ports = given ?? { broker: await freePort(), controller: await freePort() };
  const file = join(folder, 'server.properties');
  const data = join(folder, 'data');
  const all = { ...propertiesOf(ports, data), ...properties };
  await writeFile(
    file,
    `${Object.entries(all)
      .map((pair) => pair.join('='))
      .join('\n')}\n`,
  );
  const java = (main: string, ...args: string[]) => [...JAVA, '-cp', join(jars, '*'), main, ...args];
  if (!existsSync(join(data, 'meta.properties'))) {
    // In one word with its option: an id may begin with `-`.
    const cluster = `--cluster-id=${randomBytes(16).toString('base64url')}`;
    await run('java', java('kafka.tools.StorageTool', 'format', cluster, '-c', file), {
      timeoutMs: READY_TIMEOUT_MS,
    });
  }
  const address = `127.0.0.1:${ports.broker}`;
  const { pid, stop } = await launchServer({
    name: 'Kafka',
    command: ['java', java('kafka.Kafka', file)],
    env: process.env,
    cwd: folder,
    logFile: join(folder, 'kafka.log'),
    onSpawned: () => undefined,
    ready: () => listens(ports.broker),
    readyTimeoutMs: READY_TIMEOUT_MS,
    // At SIGTERM it closes its logs; there is no other broker to take its partitions.
    stopSteps: [
      ['SIGTERM', 30_000],
      ['SIGKILL', 5_000],
    ],
  });
  return { address, ports, pid, stop };
}

// A broker for one topic: little memory, and no compiling for the long run.
const JAVA = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];

const propertiesOf = ({ broker, controller }: RunningKafka['ports'], data: string): Record<string, string> => ({
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.quorum.voters': `1@127.0.0.1:${controller}`,
  'controller.listener.names': 'CONTROLLER',
  listeners: `PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
  'log.dirs': data,
  // Of what would have three replicas on a cluster there is one.
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'num.partitions': '3',
  // Of fifty each would be made, and recovered after a kill, for nothing.
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.num.partitions': '1',
  // So long a controller that is started again waits for the broker it knew, before it takes the one that is there instead.
  'broker.session.timeout.ms': '5000',
  'broker.heartbeat.interval.ms': '500',
  // No other consumer joins the group.
  'group.initial.rebalance.delay.ms': '0',
});
