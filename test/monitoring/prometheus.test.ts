import { parse } from 'yaml';
import { configOf, promise, read, type Service } from '../support/deployment';

interface Job {
  dns_sd_configs?: { names: string[]; port: number }[];
  static_configs?: { targets: string[] }[];
}

/** Whom Prometheus asks, as `host:port`. */
const asked: string[] = parse(read('monitoring', 'prometheus.yml')).scrape_configs.flatMap(
  ({ dns_sd_configs = [], static_configs = [] }: Job) => [
    ...dns_sd_configs.flatMap(({ names, port }) => names.map((name) => `${name}:${port}`)),
    ...static_configs.flatMap(({ targets }) => targets),
  ],
);
const portOf = (address = '') => address.split(':').at(-1);

promise(
  'asks the services of docker-compose.yml where they answer',
  ['0.0.0.0:9090', '0.0.0.0:9091'],
  ({ services }) => {
    const { worker, api, temporal } = services as Record<'worker' | 'api' | 'temporal', Service>;
    const answering = [
      `worker:${portOf(configOf(worker).metricsAddress)}`,
      `api:${portOf(configOf(api).metricsAddress)}`,
      `temporal:${portOf(temporal.environment?.PROMETHEUS_ENDPOINT)}`,
    ];
    expect(asked).toHaveLength(answering.length);
    return answering.filter((address) => !asked.includes(address));
  },
);
