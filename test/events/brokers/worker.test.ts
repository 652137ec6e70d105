import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningNats, startNats } from '../../../local/nats';
import { freePort } from '../../../local/ports';
import { appendEvents, eventIdOf } from '../../../src/events/outbox';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { runLocal, useFolder } from '../../support/local-process';
import { storedByNats } from '../../support/nats';
import { useTemporal } from '../../support/temporal';

const executable = process.env.POSTDATE_TEST_NATS_SERVER as string;
const word = executable ? '' : ' (skipped: there is no nats-server, and Debian’s cannot be fetched)';
const database = useDatabase();
const temporal = useTemporal();
// Ends the worker, should the test fail.
useFolder();
let folder: string;
let nats: RunningNats | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postdate-streams-'));
});
afterAll(async () => {
  await nats?.stop();
  await rm(folder, { recursive: true, force: true });
});

(executable ? it : it.skip)(
  `a worker starts while NATS is away, and publishes what has happened meanwhile as soon as NATS is there${word}`,
  async () => {
    const [port, metrics] = [await freePort(), `127.0.0.1:${await freePort()}`];
    const worker = runLocal('app/main.ts', {
      env: {
        ...temporal.envFor(database),
        POSTDATE_METRICS_ADDRESS: metrics,
        POSTDATE_NATS_URL: `nats://postdate:s3cret@127.0.0.1:${port}`,
      },
    });
    await worker.prints(/worker is running/);
    const scraped = async (name: string) => {
      const text = await (await fetch(`http://${metrics}/metrics`)).text();
      const line = text.split('\n').find((one) => one.startsWith(`${name}{`) && one.includes('publisher="nats"'));
      return line && Number(line.split(' ').at(-1));
    };
    await eventually(async () => expect(await scraped('postdate_publish_backlog')).toBe(0));

    const origins = ['a', 'b', 'c'].map((key) => ({ topic: 'test.streams', tenant: 'acme', key, cycle: 1 }));
    await appendEvents(
      database.pool,
      origins.map((origin) => ({ origin, type: 'test.happened', data: {} })),
    );
    await worker.prints(/"part":"publisher nats".*will be tried again/);
    await eventually(async () => {
      expect(await scraped('postdate_publish_backlog')).toBe(3);
      expect(await scraped('postdate_publish_backlog_age_seconds')).toBeGreaterThan(0);
    });

    nats = await startNats({ executable, folder, port, args: ['--user', 'postdate', '--pass', 's3cret'] });
    await eventually(async () => {
      expect(await scraped('postdate_published_events_total')).toBe(3);
      expect(await scraped('postdate_publish_backlog')).toBe(0);
    });
    const stored = await storedByNats(nats.address, 'POSTDATE', { user: 'postdate', pass: 's3cret' });
    expect(stored.map(({ id }) => id).sort()).toEqual(
      origins.map((origin) => eventIdOf(origin, 'test.happened')).sort(),
    );

    worker.signal('SIGTERM');
    expect(await worker.ended).toBe(0);
    expect(worker.printed()).not.toContain('s3cret');
  },
  300_000,
);
