import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiscardPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { onPath } from '../../../local/executables';
import { type NatsOptions, type RunningNats, startNats } from '../../../local/nats';
import { run } from '../../../local/processes';
import { natsPublisher } from '../../../src/events/brokers/nats';
import type { Publisher } from '../../../src/events/brokers/publisher';
import type { NatsSettings } from '../../../src/events/brokers/settings';
import type { StreamedEvent } from '../../../src/events/stream';
import { askNats, storedByNats } from '../../support/nats';

const executable = process.env.POSTDATE_TEST_NATS_SERVER as string;
const word = executable ? '' : ' (skipped: there is no nats-server, and Debian’s cannot be fetched)';
const openssl = onPath('openssl');
const STREAM = 'EVENTS';
const HOUR_MS = 3_600_000;

const streamed = (key: string): StreamedEvent => ({
  position: 1,
  event: {
    specversion: '1.0',
    id: `test.nats:acme.eu:${key}:1:thing.happened`,
    source: '/postdate/test.nats',
    type: 'thing.happened',
    subject: `acme.eu/${key}`,
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    tenant: 'acme.eu',
    cycle: 1,
    data: { text: 'Grüße' },
  },
});

(executable ? describe : describe.skip)(`NATS JetStream${word}`, () => {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function folderOf(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'postdate-nats-'));
    ends.push(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }
  async function start(options: Partial<NatsOptions> = {}): Promise<RunningNats> {
    const server = await startNats({ executable, folder: options.folder ?? (await folderOf()), ...options });
    ends.push(server.stop);
    return server;
  }
  function publisherOf({ address }: { address: string }, settings: Partial<NatsSettings> = {}): Publisher {
    const publisher = natsPublisher({ servers: [address], stream: STREAM, keepDays: 7, ...settings });
    ends.push(publisher.close);
    return publisher;
  }

  it('is given each event as a CloudEvent, under a subject by topic, tenant and type, with its id to know repeats by', async () => {
    const server = await start();
    await publisherOf(server).publish([streamed('a')]);
    const { event } = streamed('a');
    expect(await storedByNats(server.address, STREAM)).toEqual([
      expect.objectContaining({
        event,
        headers: {
          'Nats-Msg-Id': event.id,
          'Nats-Expected-Stream': STREAM,
          'content-type': 'application/cloudevents+json',
          subject: 'postdate.test:nats.acme:eu.thing.happened',
        },
      }),
    ]);
  });

  it('refuses for good what is too large for the server, and what has too long a name; it takes all else', async () => {
    const server = await start();
    const publisher = publisherOf(server);
    const at = (position: number, change: object) => {
      const one = streamed(`k${position}`);
      return { position, event: { ...one.event, id: `${one.event.id}:${position}`, ...change } };
    };
    const long = 'x'.repeat(5_000);
    const refused = await publisher.publish([
      at(1, {}),
      at(2, { data: { text: 'x'.repeat(1_100_000) } }),
      at(3, { subject: 'acme.eu/k2' }),
      at(4, { type: `thing.${long}` }),
      at(5, { type: 'a b*>\t\u0000\r\n.ü.💥' }),
      at(6, {}),
    ]);
    expect(refused).toEqual([
      { position: 2, reason: expect.stringContaining('max_payload') },
      { position: 4, reason: expect.stringContaining('its type is so long') },
    ]);
    const stored = await storedByNats(server.address, STREAM);
    // The third is behind the second, which is of the same message.
    expect(stored.map(({ event }) => event.subject).sort()).toEqual(['acme.eu/k1', 'acme.eu/k5', 'acme.eu/k6']);
  });

  it('does not refuse for good what it cannot take now: a full stream, a stream that is not there', async () => {
    const server = await start();
    const publisher = publisherOf(server);
    await publisher.publish([streamed('a')]);
    await askNats(server.address, ({ streams }) => streams.update(STREAM, { max_msgs: 1, discard: DiscardPolicy.New }));
    await expect(publisher.publish([streamed('b')])).rejects.toThrow('maximum messages exceeded');
    await askNats(server.address, ({ streams }) => streams.delete(STREAM));
    await expect(publisher.publish([streamed('b')])).resolves.toEqual([]);
  });

  it('has its stream made, with hours to know repeats in, also by two workers at one time', async () => {
    const server = await start();
    await Promise.all(['a', 'b'].map((key) => publisherOf(server).publish([streamed(key)])));
    const { config, state } = await askNats(server.address, ({ streams }) => streams.info(STREAM));
    expect(config).toMatchObject({
      subjects: ['postdate.>'],
      storage: 'file',
      duplicate_window: nanos(2 * HOUR_MS),
      max_age: nanos(7 * 24 * HOUR_MS),
    });
    expect(state.messages).toBe(2);
  });

  it('keeps a stream that is there as it is', async () => {
    const server = await start();
    const made = await askNats(server.address, ({ streams }) =>
      streams.add({ name: STREAM, subjects: ['postdate.>', 'ours.>'], max_msgs: 100, duplicate_window: nanos(60_000) }),
    );
    await publisherOf(server).publish([streamed('a')]);
    const { config, state } = await askNats(server.address, ({ streams }) => streams.info(STREAM));
    expect(config).toEqual(made.config);
    expect(state.messages).toBe(1);
  });

  it('has a stream that was deleted made again, which knows no repeats; one that was purged still does', async () => {
    const server = await start();
    const publisher = publisherOf(server);
    const stored = () => askNats(server.address, async ({ streams }) => (await streams.info(STREAM)).state.messages);
    await publisher.publish([streamed('a')]);
    await askNats(server.address, ({ streams }) => streams.purge(STREAM));
    await publisher.publish([streamed('a')]);
    expect(await stored()).toBe(0);
    await askNats(server.address, ({ streams }) => streams.delete(STREAM));
    await expect(publisher.publish([streamed('a')])).rejects.toThrow('no stream takes it');
    await publisher.publish([streamed('a')]);
    expect(await stored()).toBe(1);
  });

  it('is not taken to have stored what went to a stream of another name', async () => {
    const server = await start();
    await askNats(server.address, async ({ streams }) => {
      await streams.add({ name: 'OTHER', subjects: ['postdate.>'] });
      await streams.add({ name: STREAM, subjects: ['ours.>'] });
    });
    await expect(publisherOf(server).publish([streamed('a')])).rejects.toThrow('expected stream does not match');
    expect((await askNats(server.address, ({ streams }) => streams.info('OTHER'))).state.messages).toBe(0);
  });

  it('is published to again, without an error, when it was restarted while nothing happened', async () => {
    const folder = await folderOf();
    const first = await start({ folder });
    const publisher = publisherOf(first);
    await publisher.publish([streamed('a')]);
    await first.stop();
    await expect(publisher.connect()).rejects.toThrow('connection refused');
    await start({ folder, port: first.port });
    await publisher.publish([streamed('b')]);
    expect(await storedByNats(first.address, STREAM)).toHaveLength(2);
  });

  it('lets in who has the password, and what is said of who has not does not have it either', async () => {
    const server = await start({ args: ['--user', 'postdate', '--pass', 'right-one'] });
    const login = (pass: string) => publisherOf(server, { login: { user: 'postdate', pass } });
    await login('right-one').publish([streamed('a')]);
    const refusal = await login('wrong-one')
      .connect()
      .then(
        () => undefined,
        (error) => error,
      );
    expect(refusal.message).toMatch(/authorization/i);
    const said = JSON.stringify(refusal, [...Object.getOwnPropertyNames(refusal), 'cause']) + refusal.stack;
    expect(said).not.toContain('wrong-one');
    await expect(publisherOf(server).connect()).rejects.toThrow(/authorization/i);
  });

  it('takes no more rights than the docs say', async () => {
    const page = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'streams.md'), 'utf8');
    const said = /\*\*Rights\*\* that the account needs:(.+?)\n- \*\*/s.exec(page)?.[1] ?? '';
    const named = [...said.matchAll(/`([^`]+)`/g)].map(([, subject]) =>
      (subject as string).replace('POSTDATE', STREAM),
    );
    const [publish, subscribe] = [
      named.filter((one) => !one.startsWith('_')),
      named.filter((one) => one.startsWith('_')),
    ];
    expect([publish.length, subscribe.length]).toEqual([3, 1]);
    const file = join(await folderOf(), 'nats.conf');
    const withRights = async (publish: string[]) => {
      const permissions = { publish, subscribe };
      await writeFile(file, `authorization: ${JSON.stringify({ users: [{ user: 'p', password: 'w', permissions }] })}`);
      const publisher = publisherOf(await start({ args: ['--config', file] }), { login: { user: 'p', pass: 'w' } });
      await publisher.publish([streamed('a')]);
    };
    await withRights(publish);
    for (const left of publish) await expect(withRights(publish.filter((one) => one !== left))).rejects.toThrow();
  });

  (openssl ? it : it.skip)(
    `is reached by TLS, if its certificate is known, and never without where TLS is asked for${openssl ? '' : ' (skipped: no openssl)'}`,
    async () => {
      const folder = await folderOf();
      const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
      const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=localhost'];
      await run('openssl', [...made, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], {
        timeoutMs: 60_000,
      });
      const [secure, plain] = [await start({ args: ['--tls', '--tlscert', cert, '--tlskey', key] }), await start()];
      const caFile = cert;
      const publisher = publisherOf(secure, { tls: { caFile } });
      await publisher.connect();
      await publisher.publish([streamed('a')]);
      await expect(publisherOf(secure, { tls: {} }).connect()).rejects.toThrow(/self.signed/);
      await expect(publisherOf(plain, { tls: {}, login: { user: 'u', pass: 'p' } }).connect()).rejects.toThrow(
        "server does not support 'tls'",
      );
    },
  );

  it('lets in by a file of credentials that is read anew each time', async () => {
    const server = await start();
    const credentialsFile = join(await folderOf(), 'user.creds');
    const publisher = publisherOf(server, { credentialsFile });
    await expect(publisher.connect()).rejects.toThrow('ENOENT');
    await writeFile(credentialsFile, CREDENTIALS);
    // A server without accounts takes whoever comes.
    await publisher.connect();
  });
});

// Of a user that no server knows, in the form in which `nsc` writes them.
const CREDENTIALS = `-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.e30.c2ln
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
SUAMLK2ZNL35WSMW37E7UD4VZ7ELPKW7DHC3BWBSD2GCZ7IUQQXZIORRBU
------END USER NKEY SEED------
`;
