import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../local/cache';
import { executableName, isExecutable, onPath } from '../../local/executables';
import { goInstall } from '../../local/go-install';
import { run } from '../../local/processes';
import { withStartLock } from '../../local/start-lock';
import { deployment, path, read } from '../support/deployment';
import { useFolder } from '../support/local-process';

const folder = useFolder();

// The specification's own library, which docker compose reads its files with: it needs no engine.
const VERSION = 'v2.16.2';
const go = onPath('go');
// Some twenty seconds of compiling; the rest is for a slow line.
const BUILD_TIMEOUT_MS = 10 * 60_000;

let specification: string;
const specified = go
  ? it
  : (title: string, _test: () => Promise<void>) =>
      it.skip(`${title} (skipped: there is no Go to build its library)`, () => {});

beforeAll(async () => {
  if (!go) return;
  specification = join(cacheFolder('bin'), executableName(`compose-spec-${VERSION}`));
  await withStartLock(`${specification}.building`, BUILD_TIMEOUT_MS, async () => {
    if (isExecutable(specification)) return;
    await goInstall(go, `github.com/compose-spec/compose-go/v2/cmd@${VERSION}`, specification);
  });
}, BUILD_TIMEOUT_MS);

const understood = async (file: string) =>
  JSON.parse(await run(specification, ['--format', 'json', file], { cwd: path(), timeoutMs: 60_000 }));

specified(
  'docker-compose.yml is valid by the compose specification’s own library, which reads in it what we do',
  async () => {
    const { services } = await understood('docker-compose.yml');
    expect(Object.keys(services).sort()).toEqual(Object.keys(deployment.services).sort());
    for (const [name, { profiles, depends_on = {} }] of Object.entries(deployment.services)) {
      expect({ name, profiles: services[name].profiles }).toEqual({ name, profiles });
      expect(services[name].depends_on ?? {}).toMatchObject(depends_on);
    }
    expect(services.worker.environment).toMatchObject({
      POSTDATE_KAFKA_BROKERS: '',
      POSTDATE_NATS_URL: 'nats://nats:4222',
    });
  },
);

specified('it refuses what the specification has not (the control)', async () => {
  const file = join(folder.path, 'docker-compose.yml');
  for (const [good, bad] of [
    ['init: true', 'initial: true'],
    ['condition: service_healthy', 'condition: healthy'],
    ["'127.0.0.1:5432:5432'", "'127.0.0.1:5432:database'"],
  ] as const) {
    await writeFile(file, read('docker-compose.yml').replace(good, bad));
    await expect(understood(file)).rejects.toThrow(/fail|invalid|must|not/i);
  }
});
