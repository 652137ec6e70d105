import { existsSync } from 'node:fs';
import { configOf, deployment, isOneShot, namesOf, ours, path, promise, startedBy } from '../support/deployment';

// Whatever somebody may start together.
const COMBINATIONS = [['dev'], ['full'], ['dev', 'kafka'], ['full', 'kafka']];

it.each([
  ['dev', ['nats', 'postgres', 'temporal-dev', 'worker']],
  [
    'full',
    [
      'api',
      'grafana',
      'nats',
      'postgres',
      'prometheus',
      'temporal',
      'temporal-namespace',
      'temporal-schema',
      'ui',
      'worker',
    ],
  ],
  ['kafka', ['debezium', 'kafka']],
])('the profile %s starts %j', (profile, services) => {
  expect(Object.keys(startedBy(deployment.services, [profile]).services).sort()).toEqual(services);
});

promise('starts dev where no profile is named', ['COMPOSE_PROFILES=dev', 'COMPOSE_PROFILES='], ({ env, services }) => {
  const unprofiled = namesOf(services, ({ profiles = [] }) => profiles.length === 0);
  return [...(/^COMPOSE_PROFILES=dev$/m.test(env) ? [] : ['.env']), ...unprofiled];
});

promise(
  'waits for each server to be healthy, and for what runs once to have ended well',
  ['condition: service_healthy', 'condition: service_started'],
  ({ services }) => [
    ...new Set(
      Object.values(services).flatMap(({ depends_on = {} }) =>
        Object.entries(depends_on).flatMap(([name, { condition }]) => {
          const wanted = isOneShot(services, name) ? 'service_completed_successfully' : 'service_healthy';
          return condition === wanted ? [] : name;
        }),
      ),
    ),
  ],
);

promise(
  'waits only for services that are started with it, or need not be',
  ['profiles: [dev, full]\n    image: nats', 'profiles: [full]\n    image: nats'],
  ({ services }) => {
    const missing = COMBINATIONS.flatMap((profiles) => {
      const { services: started } = startedBy(services, profiles);
      return Object.values(started).flatMap(({ depends_on = {} }) =>
        Object.entries(depends_on).flatMap(([name, { required }]) =>
          name in started || required === false ? [] : name,
        ),
      );
    });
    return [...new Set(missing)];
  },
);

promise('waits for the Temporal that is there, in every profile', ['service_completed_', 'service_x'], (files) => {
  const waited = COMBINATIONS.flatMap((profiles) => {
    const { services } = startedBy(files.services, profiles);
    return namesOf(ours(services), ({ depends_on = {} }) => {
      const there = Object.keys(depends_on).filter((name) => name.startsWith('temporal-') && name in services);
      return there.length !== 1;
    });
  });
  return [...new Set([...waited, ...(isOneShot(files.services, 'temporal-namespace') ? [] : ['temporal-namespace'])])];
});

promise(
  'names only hosts that are started with it',
  ['POSTDATE_NATS_URL: nats://nats', 'POSTDATE_NATS_URL: nats://net'],
  ({ services }) => {
    const unknown = COMBINATIONS.flatMap((profiles) => {
      const { services: started, hosts } = startedBy(services, profiles);
      return Object.values(started).flatMap(({ environment = {} }) =>
        Object.values(environment).flatMap((value) =>
          [...value.matchAll(/(?:^|[/@,])([a-z][a-z-]*):\d+/g)].flatMap(([, host]) =>
            hosts.includes(host as string) || host === 'localhost' ? [] : (host as string),
          ),
        ),
      );
    });
    return [...new Set(unknown)];
  },
);

promise(
  'publishes no port twice in what is started together',
  ['127.0.0.1:9090:9090', '127.0.0.1:8080:9090'],
  ({ services }) => {
    const taken = COMBINATIONS.flatMap((profiles) => {
      const { services: started } = startedBy(services, profiles);
      const ports = Object.values(started).flatMap(({ ports: published = [] }) =>
        published.map((port) => port.split(':')[1] as string),
      );
      return ports.filter((port, index) => ports.indexOf(port) < index);
    });
    return [...new Set(taken)];
  },
);

promise('mounts only files that are here', ['./monitoring/rules/:', './monitoring/rulez/:'], ({ services }) =>
  Object.values(services)
    .flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':', 1)[0] as string))
    .filter((source) => source.startsWith('./') && !existsSync(path(source))),
);

promise('lets Prometheus in, and a browser reach the API', ['0.0.0.0:8080', '127.0.0.1:8080'], ({ services }) => [
  ...namesOf(ours(services), (service) => !configOf(service).metricsAddress?.startsWith('0.0.0.0:')),
  ...namesOf({ api: services.api ?? {} }, (service) => configOf(service).http.address !== '0.0.0.0:8080'),
]);
