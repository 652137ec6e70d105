import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { dependencies, scripts } from '../package.json';
import { readConfig } from '../src/config';
import { compilerOptions } from '../tsconfig.build.json';

interface Service extends Partial<Record<'image' | 'build' | 'init' | 'restart' | 'stop_grace_period', string>> {
  healthcheck?: { test: string[] };
  environment: Record<string, string>;
  depends_on: Record<string, { condition?: string }>;
  command: string[];
  ports?: string[];
  volumes: string[];
}
type Services = Record<'postgres' | 'temporal' | 'worker', Service>;
type Deployment = { compose: { services: Services; volumes: object }; services: Services; dockerfile: string };

const path = (...parts: string[]) => join(__dirname, '..', ...parts);
const read = (...parts: string[]) => readFileSync(path(...parts), 'utf8');

/** `faultsIn` our files is nothing, and it is one thing when `good` in them is replaced by `bad`. */
function promise(title: string, [good, bad]: [string, string], faultsIn: (deployment: Deployment) => string[]) {
  const deployment = (edit = (text: string) => text): Deployment => {
    const compose = parse(edit(read('docker-compose.yml')));
    return { compose, services: compose.services, dockerfile: edit(read('Dockerfile')) };
  };
  it(title, () => {
    expect(faultsIn(deployment())).toEqual([]);
    expect(faultsIn(deployment((text) => text.replace(good, bad)))).toHaveLength(1);
  });
}

const found = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, match]) => match as string);
const bases = (dockerfile: string) => found(dockerfile, /^FROM (\S+)/gm);
const namesOf = (services: Services, isBad: (service: Service) => boolean) =>
  Object.entries<Service>(services).flatMap(([name, service]) => (isBad(service) ? name : []));
// A developer's own Temporal profile must not answer for the file's variables.
const configOf = ({ environment }: Service) => readConfig({ TEMPORAL_CONFIG_FILE: '/nonexistent', ...environment });

// Those of the specification that are used: the engine that refuses others is not at hand in tests.
const KEYS = `services volumes image build init restart environment command ports depends_on healthcheck
  stop_grace_period test interval timeout retries start_period`.split(/\s+/);

promise('uses only keys that the compose specification has', ['init:', 'initial:'], ({ compose, services }) =>
  [compose, ...Object.values(services), ...Object.values(services).map(({ healthcheck }) => healthcheck)]
    .flatMap((part) => Object.keys(part ?? {}))
    .filter((key) => !KEYS.includes(key)),
);

promise('pins every image to a version', ['image: postgres:18.6-bookworm', 'image: postgres'], (deployment) => {
  const images = Object.values(deployment.services).flatMap(({ image, build }) => image ?? (build ? [] : 'none'));
  return [...images, ...bases(deployment.dockerfile)].filter((image) => !/^[\w./]+:\d+\.\d+[\w.-]*$/.test(image));
});

promise('gives every service a healthcheck', ['healthcheck:', 'labels:'], ({ services }) =>
  namesOf(services, ({ healthcheck }) => healthcheck?.test[0] !== 'CMD'),
);

promise('starts every service again when it fails, under an init', ['init: true', 'init: false'], ({ services }) =>
  namesOf(services, ({ init, restart }) => !init || restart !== 'unless-stopped'),
);

promise('waits for a healthy server before the worker starts', ['_healthy', '_started'], ({ services: { worker } }) =>
  ['postgres', 'temporal'].filter((name) => worker.depends_on[name]?.condition !== 'service_healthy'),
);

promise('sets only variables that the worker reads', ['POSTDATE_LOG_LEVEL', 'POSTDATE_LOGLEVEL'], ({ services }) => {
  const outcome = (changed: object) => {
    try {
      const environment = { ...services.worker.environment, ...changed };
      return JSON.stringify(configOf({ ...services.worker, environment }));
    } catch (error) {
      return String(error);
    }
  };
  // A variable that is read is either refused with this value or makes another configuration.
  return Object.keys(services.worker.environment).filter((name) => outcome({ [name]: '7' }) === outcome({}));
});

promise('has the worker use what this file starts', ['TEMPORAL_ADDRESS:', 'TEMPORAL_HOST:'], ({ services }) => {
  const { databaseUrl, temporal } = configOf(services.worker);
  const { POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: name } = services.postgres.environment;
  const wanted = [`postgres://${user}:${password}@postgres:5432/${name}`, 'temporal:7233'];
  return [databaseUrl, temporal.connectionOptions.address ?? ''].filter((given) => !wanted.includes(given));
});

promise('stops the worker no sooner than its own grace time', ["'20'", "'35'"], ({ services: { worker } }) => {
  const [given] = found(worker.stop_grace_period ?? '10s', /^(\d+)s$/g);
  return Number(given) > configOf(worker).shutdownGraceSeconds + 5 ? [] : [`${given} s`];
});

promise('knows a working worker by its connections', ["= 'postdate hints'", "= 'x'"], ({ services: { worker } }) => {
  const given = found(read('src', 'database.ts') + read('src', 'stream-hint.ts'), /application_name: '([^']+)'/g);
  const asked = found(worker.healthcheck?.test.join() ?? '', /application_name = '([^']+)'/g);
  return asked.length > 0 ? asked.filter((name) => !given.includes(name)) : ['none'];
});

promise('runs the Temporal release that npm start builds', ['temporal:1.5.1', 'temporal:1.4.1'], ({ services }) => {
  const [release] = found(read('local', 'temporal-cli.ts'), /buildVersion = 'v([\d.]+)'/g);
  return [`${services.temporal.image}`].filter((image) => image !== `temporalio/temporal:${release}`);
});

promise('publishes ports on this machine only', ['127.0.0.1:5432:5432', '5432:5432'], ({ services }) =>
  namesOf(services, ({ ports = [] }) => ports.some((port) => !port.startsWith('127.0.0.1:'))),
);

promise(
  'keeps data in named volumes, at the places where the images can have it',
  ['postgres:/var/lib/postgresql', 'postgres:/var/lib/postgresql/data'],
  ({ compose, services: { postgres, temporal } }) => [
    ...['postgres', 'temporal'].filter((name) => !Object.hasOwn(compose.volumes, name)),
    ...postgres.volumes.filter((volume) => volume !== 'postgres:/var/lib/postgresql'),
    ...temporal.volumes.filter((volume) => volume !== 'temporal:/home/temporal'),
    ...(temporal.command.some((word) => word.startsWith('--db-filename=/home/temporal/')) ? [] : ['--db-filename']),
  ],
);

promise('runs on glibc, with root certificates, without rights', ['-bookworm-slim', '-alpine'], ({ dockerfile }) => [
  ...bases(dockerfile).filter((image) => !/^node:.*-bookworm/.test(image)),
  ...['ca-certificates', 'USER node'].filter((need) => dockerfile.lastIndexOf(need) < dockerfile.lastIndexOf('FROM')),
]);

promise('builds with what is there, and starts what it builds', ['worker.js', 'x.js'], ({ dockerfile }) => {
  const copied = found(dockerfile, /^COPY ((?!--).+) \S+$/gm).flatMap((paths) => paths.split(' '));
  const emitted = new RegExp(`^CMD \\["node", "${compilerOptions.outDir}/(.+)\\.js"\\]$`, 'gm');
  const source = path(compilerOptions.rootDir, `${found(dockerfile, emitted)[0]}.ts`);
  return [
    ...copied.filter((name) => !existsSync(path(name)) || !read('.dockerignore').includes(`\n!${name}\n`)),
    ...found(dockerfile, /npm run (\S+)/g).filter((script) => !Object.hasOwn(scripts, script)),
    ...(existsSync(source) ? [] : [source]),
  ];
});

it('runs without devDependencies: src imports nothing else', () => {
  const sources = readdirSync(path('src'), { recursive: true, encoding: 'utf8' });
  const text = sources.flatMap((name) => (name.endsWith('.ts') ? read('src', name) : [])).join('\n');
  const imported = found(text, / from '((?:@[\w-]+\/)?\w[\w-]*)(?:\/[^']*)?'/g);
  expect(imported).toContain('@temporalio/worker');
  expect(Object.keys(dependencies)).toEqual(expect.arrayContaining(imported));
});
