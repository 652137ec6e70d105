import { randomInt } from 'node:crypto';
import { stringify } from 'yaml';
import { freePort } from './ports';

/** The server's default rate limits are for one of many nodes; one node alone meets them long before its database's. */
const loadTest = {
  'frontend.rps': 20_000,
  'frontend.namespaceRPS': 20_000,
  'frontend.namespaceRPS.visibility': 200,
  'frontend.namespaceCount': 5_000,
  'history.rps': 30_000,
  'history.persistenceMaxQPS': 60_000,
  'frontend.persistenceMaxQPS': 10_000,
  'matching.rps': 20_000,
  'matching.persistenceMaxQPS': 10_000,
  // As long as our workflow ids may be; the server's own default is 1000.
  'limit.maxIDLength': 255,
};

/** The dynamic configuration file. What 1.32 does by default (standalone activities, start delay) is not in it. */
export function dynamicConfiguration({ taskQueuePartitions }: { taskQueuePartitions?: number } = {}): string {
  const partitions = taskQueuePartitions && {
    'matching.numTaskqueueReadPartitions': taskQueuePartitions,
    'matching.numTaskqueueWritePartitions': taskQueuePartitions,
  };
  const settings = Object.entries({ ...loadTest, ...partitions });
  return stringify(Object.fromEntries(settings.map(([key, value]) => [key, [{ value }]])));
}

export interface ServerPorts {
  frontend: number;
  metrics: number;
  others: number[];
}

const otherPorts = [
  'FRONTEND_MEMBERSHIP_PORT',
  'FRONTEND_HTTP_PORT',
  'HISTORY_GRPC_PORT',
  'HISTORY_MEMBERSHIP_PORT',
  'MATCHING_GRPC_PORT',
  'MATCHING_MEMBERSHIP_PORT',
  'WORKER_GRPC_PORT',
  'WORKER_MEMBERSHIP_PORT',
];

// The server writes its ports into a column of the type smallint, so the system's choice (from 32768 on) will not do;
// below it there is also no outgoing connection that could take one between our look and the server's.
const lowestPort = 10_000;
const highestPort = 32_767;

/** Promises a free port, each another one, for everything that the server listens on. */
export async function serverPorts(preferredFrontend?: number): Promise<ServerPorts> {
  const ports = new Set<number>();
  let candidate = preferredFrontend ?? randomInt(lowestPort, highestPort + 1);
  while (ports.size < otherPorts.length + 2) {
    if ((await freePort(candidate)) === candidate) ports.add(candidate);
    candidate = randomInt(lowestPort, highestPort + 1);
  }
  const [frontend, metrics, ...others] = [...ports] as [number, number, ...number[]];
  return { frontend, metrics, others };
}

/** The environment that the server's embedded configuration is filled in from. */
export function serverEnvironment(options: {
  databaseUrl: string;
  ports: ServerPorts;
  shards: number;
  dynamicConfigFile: string;
}): NodeJS.ProcessEnv {
  const { databaseUrl, ports, shards, dynamicConfigFile } = options;
  const { hostname, port, username, password } = new URL(databaseUrl);
  return {
    DB: 'postgres12_pgx',
    POSTGRES_SEEDS: hostname,
    DB_PORT: port,
    POSTGRES_USER: username,
    POSTGRES_PWD: password,
    SQL_MAX_CONNS: '40',
    SQL_VIS_MAX_CONNS: '10',
    NUM_HISTORY_SHARDS: String(shards),
    BIND_ON_IP: '127.0.0.1',
    FRONTEND_GRPC_PORT: String(ports.frontend),
    PROMETHEUS_ENDPOINT: `127.0.0.1:${ports.metrics}`,
    ...Object.fromEntries(otherPorts.map((name, index) => [name, String(ports.others[index])])),
    DYNAMIC_CONFIG_FILE_PATH: dynamicConfigFile,
    LOG_LEVEL: 'warn',
    // A benchmark does not report to Temporal which version it runs.
    TEMPORAL_VERSION_CHECK_DISABLED: '1',
  };
}
