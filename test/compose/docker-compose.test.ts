import { existsSync, readdirSync } from 'node:fs';
import { dependencies, scripts } from '../../package.json';
import { compilerOptions, include } from '../../tsconfig.build.json';
import { configOf, found, isOneShot, namesOf, ours, path, promise, read, type Service } from '../support/deployment';

const bases = (dockerfile: string) => found(dockerfile, /^FROM (\S+)/gm);

// Those of the specification that are used, for where its own library cannot be had (compose-spec.test.ts).
const KEYS = `services volumes configs profiles image build init restart environment command entrypoint ports networks
  depends_on healthcheck stop_grace_period test interval timeout retries start_period condition required`.split(/\s+/);

promise('uses only keys that the compose specification has', ['init:', 'initial:'], ({ compose, services }) => {
  const parts: (object | undefined)[] = [compose];
  for (const service of Object.values(services)) {
    parts.push(service, service.healthcheck, ...Object.values(service.depends_on ?? {}));
  }
  const keys = new Set(parts.flatMap((part) => Object.keys(part ?? {})));
  return [...keys].filter((key) => !KEYS.includes(key) && !key.startsWith('x-'));
});

promise('pins every image to a version', ['image: postgres:18.6-bookworm', 'image: postgres'], (deployment) => {
  const images = Object.values(deployment.services).flatMap(({ image, build }) => image ?? (build ? [] : 'none'));
  return [...images, ...bases(deployment.dockerfile)].filter((image) => !/^[\w./-]+:v?\d+\.\d+[\w.-]*$/.test(image));
});

promise('gives every service that stays a healthcheck', ['healthcheck:', 'labels:'], ({ services }) =>
  namesOf(services, ({ healthcheck }, name) => healthcheck?.test[0] !== 'CMD' && !isOneShot(services, name)),
);

promise(
  'starts every service again when it fails, under an init',
  ['init: true\n    restart', 'restart'],
  ({ services }) => {
    const restart = (name: string) => (isOneShot(services, name) ? /^on-failure:\d+$/ : /^unless-stopped$/);
    return namesOf(services, (service, name) => !service.init || !restart(name).test(service.restart ?? ''));
  },
);

promise(
  'sets only variables that our programs read',
  ['POSTDATE_HTTP_ADDRESS', 'POSTDATE_HTTPADDRESS'],
  ({ services }) => {
    const outcome = (service: Service, changed: object) => {
      try {
        return JSON.stringify(configOf({ environment: { ...service.environment, ...changed } }));
      } catch (error) {
        return String(error);
      }
    };
    return Object.values(ours(services)).flatMap((service) =>
      Object.keys(service.environment ?? {}).filter(
        // A variable that is read is either refused with this value or makes another configuration.
        (name) => outcome(service, { [name]: '7' }) === outcome(service, {}),
      ),
    );
  },
);

promise('has our programs use the database that is started', ['POSTGRES_DB: postdate', 'POSTGRES_DB: x'], (files) => {
  const { services } = files;
  const { POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: name } = services.postgres?.environment ?? {};
  const wanted = `postgres://${user}:${password}@postgres:5432/${name}`;
  const given = Object.values(ours(services)).map((service) => configOf(service).databaseUrl);
  return [...new Set(given)].filter((url) => url !== wanted);
});

promise('stops our programs no sooner than their own grace time', ["'20'", "'35'"], ({ services }) => {
  const tooSoon = namesOf(ours(services), (service) => {
    const [given] = found(service.stop_grace_period ?? '10s', /^(\d+)s$/g);
    return Number(given) <= configOf(service).shutdownGraceSeconds + 5;
  });
  return tooSoon.length > 0 ? [tooSoon.join()] : [];
});

promise('knows a working worker by its connections', ["= 'postdate hints'", "= 'x'"], ({ services: { worker } }) => {
  const given = found(
    read('src/platform/database/pool.ts') + read('src/platform/database/hints.ts'),
    /application_name: '([^']+)'/g,
  );
  const asked = found(worker?.healthcheck?.test.join() ?? '', /application_name = '([^']+)'/g);
  return asked.length > 0 ? asked.filter((name) => !given.includes(name)) : ['none'];
});

promise('runs the Temporal releases that the tests run', ['temporal:1.5.1', 'temporal:1.4.1'], ({ services }) => {
  const [cli] = found(read('local', 'temporal-cli.ts'), /buildVersion = 'v([\d.]+)'/g);
  const [server] = found(read('local', 'temporal-server-executables.ts'), /version = 'v([\d.]+)'/g);
  const wanted = [`temporal:${cli}`, `server:${server}`, `admin-tools:${server}`].map((image) => `temporalio/${image}`);
  const given = ['temporal-dev', 'temporal', 'temporal-schema'].map((name) => services[name]?.image ?? 'none');
  return given.filter((image) => !wanted.includes(image));
});

promise('publishes ports on this machine only', ['127.0.0.1:5432:5432', '5432:5432'], ({ services }) =>
  namesOf(services, ({ ports = [] }) => ports.some((port) => !port.startsWith('127.0.0.1:'))),
);

// Where the images keep what must outlive them, and can have it: 18 of PostgreSQL refuses /var/lib/postgresql/data.
const DATA = {
  postgres: 'postgres:/var/lib/postgresql',
  'temporal-dev': 'temporal:/home/temporal',
  nats: 'nats:/data',
  prometheus: 'prometheus:/prometheus',
  kafka: 'kafka:/var/lib/kafka/data',
  debezium: 'debezium:/debezium/data',
};

promise(
  'keeps data in named volumes, at the places where the images can have it',
  ['postgres:/var/lib/postgresql', 'postgres:/var/lib/postgresql/data'],
  ({ compose, services }) => {
    const named = Object.entries(services).flatMap(([name, { volumes = [] }]) =>
      volumes.filter((volume) => !volume.startsWith('./')).map((volume) => ({ name, volume })),
    );
    const [file] = found(services['temporal-dev']?.command?.join(' ') ?? '', /--db-filename=(\S+)/g);
    return [
      ...named.filter(({ name, volume }) => DATA[name as keyof typeof DATA] !== volume).map(({ name }) => name),
      ...Object.keys(DATA).filter((name) => !named.some((one) => one.name === name)),
      ...named.map(({ volume }) => volume.split(':', 1)[0] as string).filter((name) => !(name in compose.volumes)),
      ...(file?.startsWith('/home/temporal/') ? [] : ['--db-filename']),
    ];
  },
);

promise('runs on glibc, with root certificates, without rights', ['-bookworm-slim', '-alpine'], ({ dockerfile }) => [
  ...bases(dockerfile).filter((image) => !/^node:.*-bookworm/.test(image)),
  ...['ca-certificates', 'USER node'].filter((need) => dockerfile.lastIndexOf(need) < dockerfile.lastIndexOf('FROM')),
]);

promise(
  'builds with what is there, and starts what it builds',
  ['"dist/app/main.js', '"dist/app/x.js'],
  ({ dockerfile, services }) => {
    const copied = found(dockerfile, /^COPY ((?!--).+) \S+$/gm).flatMap((paths) => paths.split(' '));
    const emitted = new RegExp(`^CMD \\["node", "${compilerOptions.outDir}/(.+)\\.js"\\]$`, 'gm');
    const commands = Object.values(ours(services)).flatMap(({ command = [] }) =>
      command.filter((word) => word !== 'node'),
    );
    const started = [`${found(dockerfile, emitted)[0]}`, ...commands.map((word) => word.replace(/^dist\/|\.js$/g, ''))];
    return [
      ...copied.filter((name) => !existsSync(path(name)) || !read('.dockerignore').includes(`\n!${name}\n`)),
      ...found(dockerfile, /npm run (\S+)/g).filter((script) => !Object.hasOwn(scripts, script)),
      ...started.filter((name) => !existsSync(path(compilerOptions.rootDir, `${name}.ts`))),
    ];
  },
);

promise(
  'starts its programs by the names that they had in 0.5, too',
  ['s app/http.js', 's app/x.js'],
  ({ dockerfile }) => {
    const links = [...dockerfile.matchAll(/ln -s (\S+)\.js dist\/(\S+)\.js/g)];
    return ['worker', 'http', 'cli', 'prepare-database'].filter(
      (name) => !links.some(([, to, from]) => from === name && existsSync(path(compilerOptions.rootDir, `${to}.ts`))),
    );
  },
);

it('runs without devDependencies: what is built imports nothing else', () => {
  const sources = include.flatMap((folder) =>
    readdirSync(path(folder), { recursive: true, encoding: 'utf8' }).map((name) => [folder, name] as const),
  );
  const text = sources.flatMap(([folder, name]) => (name.endsWith('.ts') ? read(folder, name) : [])).join('\n');
  const imported = found(text, / from '((?:@[\w-]+\/)?\w[\w-]*)(?:\/[^']*)?';$/gm);
  expect(imported).toContain('@temporalio/worker');
  expect(Object.keys(dependencies)).toEqual(expect.arrayContaining(imported));
});
