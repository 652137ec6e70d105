import { ConfigError, readConfig } from '../src/config';

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

it.each([
  ['DATABASE_URL', undefined],
  ['DATABASE_URL', 'mysql://db.example'],
  ['POSTDATE_LOG_LEVEL', 'loud'],
  ['POSTDATE_DATABASE_CONNECTIONS', '0'],
  ['POSTDATE_DATABASE_CONNECTIONS', 'many'],
  ['POSTDATE_CACHED_WORKFLOWS', '1.5'],
  ['POSTDATE_HELD_MESSAGES', '0'],
  ['POSTDATE_LANDING_GROUP', '501'],
  ['POSTDATE_LANDING_TRANSACTIONS', '-2'],
  ['POSTDATE_DISPATCH_PER_SECOND', '0'],
  ['POSTDATE_COMMAND_KEEP_DAYS', 'all'],
  ['POSTDATE_WEBHOOKS_KEEP_DAYS', '0'],
  ['POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES', 'yes'],
  ['POSTDATE_METRICS_ADDRESS', 'everywhere'],
  ['POSTDATE_HTTP_ADDRESS', 'http://api.example'],
  ['POSTDATE_HTTP_REQUESTS_PER_SECOND', '0'],
  ['POSTDATE_SHUTDOWN_GRACE_SECONDS', '-1'],
  ['TEMPORAL_ADDRESS', 'http://temporal.example'],
  ['TEMPORAL_TLS', 'TRUE'],
  ['TEMPORAL_PROFILE', 'nobodys'],
  ['TEMPORAL_CONFIG_FILE', __filename],
  ['TEMPORAL_TLS_CLIENT_CERT_PATH', '/nonexistent'],
])('names %s when its value is %p', (name, value) => {
  expect(() => readConfig({ ...good, [name]: value })).toThrow(ConfigError);
  expect(() => readConfig({ ...good, [name]: value })).toThrow(new RegExp(`^${name}: `));
});
