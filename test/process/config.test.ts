import { readFileSync } from 'node:fs';
import { ConfigError } from '../../src/platform/config-error';
import { readConfig } from '../../src/process/config';

const good = { DATABASE_URL: 'postgres://u:p@db.example:5432/postdate', TEMPORAL_CONFIG_FILE: '/nonexistent' };

it('reads the database and Temporal from the environment, and has a default for the rest', () => {
  const config = readConfig({ ...good, TEMPORAL_ADDRESS: 'temporal.example:7233', TEMPORAL_NAMESPACE: 'payments' });
  expect(config).toMatchObject({ databaseUrl: good.DATABASE_URL, databaseConnections: 20, logLevel: 'info' });
  expect(config).toMatchObject({ heldMessages: 10_000, landingGroup: 500, landingTransactions: 2 });
  expect(config).toMatchObject({ webhooks: { allowPrivateAddresses: false }, kept: { webhookDays: 30 } });
  expect(config.temporal.namespace).toBe('payments');
  expect(config.temporal.connectionOptions).toMatchObject({ address: 'temporal.example:7233' });
});

it('takes an empty variable for an unset one', () => {
  expect(readConfig({ ...good, POSTDATE_LOG_LEVEL: '', TEMPORAL_NAMESPACE: '' })).toMatchObject({
    logLevel: 'info',
    temporal: { namespace: 'default' },
  });
});

it('names no broker unless one is configured, and then with all that it takes to be let in', () => {
  expect(readConfig(good).streams).toEqual({ from: 'start' });
  expect(
    readConfig({
      ...good,
      POSTDATE_STREAMS_FROM: 'end',
      POSTDATE_OUTBOX_KEEP_DAYS: '7',
      POSTDATE_NATS_URL: 'tls://us%65r:p%40ss@nats-1.example, tls://nats-2.example:4333',
      POSTDATE_NATS_CA_FILE: __filename,
      POSTDATE_KAFKA_BROKERS: 'kafka-1.example:9092,[::1]:9093',
      POSTDATE_KAFKA_TLS: 'true',
      POSTDATE_KAFKA_SASL: 'scram-sha-512',
      POSTDATE_KAFKA_USERNAME: 'postdate',
      POSTDATE_KAFKA_PASSWORD: 'secret',
    }).streams,
  ).toEqual({
    from: 'end',
    nats: {
      servers: ['nats-1.example:4222', 'nats-2.example:4333'],
      stream: 'POSTDATE',
      keepDays: 7,
      tls: { caFile: __filename },
      login: { user: 'user', pass: 'p@ss' },
    },
    kafka: {
      brokers: ['kafka-1.example:9092', '[::1]:9093'],
      topic: 'postdate',
      ssl: true,
      sasl: { mechanism: 'scram-sha-512', username: 'postdate', password: 'secret' },
    },
  });
});

it('takes a user name alone for a token, and certificates for a wish for TLS', () => {
  const streams = (env: object) => readConfig({ ...good, ...env }).streams;
  expect(streams({ POSTDATE_NATS_URL: 'nats://t0ken@nats.example' }).nats).toMatchObject({ login: { token: 't0ken' } });
  expect(streams({ POSTDATE_NATS_URL: 'nats://nats.example' }).nats).not.toHaveProperty('tls');
  const files = { POSTDATE_KAFKA_CERT_FILE: __filename, POSTDATE_KAFKA_KEY_FILE: __filename };
  const text = readFileSync(__filename, 'utf8');
  expect(streams({ POSTDATE_KAFKA_BROKERS: 'a:1', ...files }).kafka?.ssl).toEqual({ cert: text, key: text });
});

it('knows the version of the workflow code by deployment and build, and never by one of them', () => {
  const version = (env: object) => readConfig({ ...good, ...env }).workflowVersion;
  const both = { POSTDATE_DEPLOYMENT: 'postdate', POSTDATE_BUILD: '1.4.0-rc.1+5f3a' };
  expect(version(both)).toEqual({ deploymentName: 'postdate', buildId: '1.4.0-rc.1+5f3a' });
  expect(version({})).toBeUndefined();
  expect(version({ POSTDATE_BUILD: 'v1' })).toBeUndefined();
  const alone = { ...good, POSTDATE_DEPLOYMENT: 'postdate' };
  expect(() => readConfig(alone)).toThrow(new ConfigError('POSTDATE_BUILD: is needed beside POSTDATE_DEPLOYMENT'));
});

it('never says a password that stands in a variable at fault', () => {
  const wrong = { ...good, POSTDATE_NATS_URL: 'http://user:secret@nats.example' };
  expect(() => readConfig(wrong)).toThrow(/^POSTDATE_NATS_URL: (?!.*secret)/);
});

it.each([
  ['DATABASE_URL', undefined],
  ['DATABASE_URL', 'mysql://db.example'],
  ['POSTDATE_LOG_LEVEL', 'loud'],
  ['POSTDATE_DATABASE_CONNECTIONS', '5'],
  ['POSTDATE_DATABASE_CONNECTIONS', 'many'],
  ['POSTDATE_CACHED_WORKFLOWS', '1.5'],
  ['POSTDATE_HELD_MESSAGES', '0'],
  ['POSTDATE_BUILD', 'my build'],
  ['POSTDATE_BUILD', '__unversioned__'],
  ['POSTDATE_DEPLOYMENT', 'post.date'],
  ['POSTDATE_DEPLOYMENT', 'post:date'],
  ['POSTDATE_LANDING_GROUP', '501'],
  ['POSTDATE_LANDING_TRANSACTIONS', '-2'],
  ['POSTDATE_DISPATCH_PER_SECOND', '0'],
  ['POSTDATE_DISPATCH_WEIGHTS', 'acme'],
  ['POSTDATE_DISPATCH_WEIGHTS', 'acme=0'],
  ['POSTDATE_DISPATCH_WEIGHTS', 'acme=1,a b=2'],
  ['POSTDATE_DISPATCH_WEIGHTS', 'acme=101'],
  ['POSTDATE_COMMAND_KEEP_DAYS', 'all'],
  ['POSTDATE_WEBHOOKS_KEEP_DAYS', '0'],
  ['POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES', 'yes'],
  ['POSTDATE_METRICS_ADDRESS', 'everywhere'],
  ['POSTDATE_HTTP_ADDRESS', 'http://api.example'],
  ['POSTDATE_HTTP_IN_WORKER', 'yes'],
  ['POSTDATE_HTTP_REQUESTS_PER_SECOND', '0'],
  ['POSTDATE_HTTP_DEADLINE_SECONDS', '0'],
  ['POSTDATE_HTTP_CONNECTIONS', '0'],
  ['POSTDATE_HTTP_UNAUTHORIZED_PER_SECOND', '-1'],
  ['POSTDATE_HTTP_TRUSTED_PROXIES', 'true'],
  ['POSTDATE_HTTP_TRUSTED_PROXIES', '10.0.0.0/33'],
  ['POSTDATE_HTTP_TRUSTED_PROXIES', '10.0.0.1, proxy.example'],
  ['POSTDATE_SHUTDOWN_GRACE_SECONDS', '-1'],
  ['POSTDATE_STREAMS_FROM', 'middle'],
  ['POSTDATE_NATS_URL', 'nats.example:4222'],
  ['POSTDATE_NATS_URL', 'nats://nats.example:4222,'],
  ['POSTDATE_NATS_URL', 'nats://%ff@nats.example'],
  ['POSTDATE_NATS_STREAM', 'a.b'],
  ['POSTDATE_NATS_CREDENTIALS_FILE', '/nonexistent'],
  ['POSTDATE_NATS_CA_FILE', __dirname],
  ['POSTDATE_KAFKA_BROKERS', 'kafka.example'],
  ['POSTDATE_KAFKA_TOPIC', 'a/b'],
  ['POSTDATE_KAFKA_TLS', 'yes'],
  ['POSTDATE_KAFKA_SASL', 'gssapi'],
  ['TEMPORAL_ADDRESS', 'http://temporal.example'],
  ['TEMPORAL_TLS', 'TRUE'],
  ['TEMPORAL_PROFILE', 'nobodys'],
  ['TEMPORAL_CONFIG_FILE', __filename],
  ['TEMPORAL_TLS_CLIENT_CERT_PATH', '/nonexistent'],
])('names %s when its value is %p', (name, value) => {
  expect(() => readConfig({ ...good, [name]: value })).toThrow(ConfigError);
  expect(() => readConfig({ ...good, [name]: value })).toThrow(new RegExp(`^${name}: `));
});

it.each([
  ['POSTDATE_NATS_KEY_FILE', { POSTDATE_NATS_CERT_FILE: __filename }],
  ['POSTDATE_KAFKA_CERT_FILE', { POSTDATE_KAFKA_KEY_FILE: __filename }],
  ['POSTDATE_KAFKA_USERNAME', { POSTDATE_KAFKA_SASL: 'plain', POSTDATE_KAFKA_PASSWORD: 'secret' }],
  ['POSTDATE_KAFKA_PASSWORD', { POSTDATE_KAFKA_SASL: 'plain', POSTDATE_KAFKA_USERNAME: 'postdate' }],
  ['POSTDATE_KAFKA_SASL', { POSTDATE_KAFKA_USERNAME: 'postdate', POSTDATE_KAFKA_PASSWORD: 'secret' }],
])('names %s when it is needed beside what is given', (name, given) => {
  expect(() => readConfig({ ...good, ...given })).toThrow(ConfigError);
  expect(() => readConfig({ ...good, ...given })).toThrow(new RegExp(`^${name}: is needed beside`));
});
