import { readFileSync } from 'node:fs';
import type { Given } from './variables';

/** The servers of NATS, and the credentials for them. */
export interface NatsSettings {
  servers: string[];
  stream: string;
  /** For how many days a stream that is created here keeps its events. */
  keepDays: number;
  tls?: { caFile?: string; certFile?: string; keyFile?: string };
  login?: { user: string; pass: string } | { token: string };
  credentialsFile?: string;
}

/** A Kafka cluster, and the credentials for it. `ssl`: PEM texts. */
export interface KafkaSettings {
  brokers: string[];
  topic: string;
  ssl: boolean | { ca?: string; cert?: string; key?: string };
  sasl?: { mechanism: NonNullable<Given['POSTDATE_KAFKA_SASL']>; username: string; password: string };
}

/** The brokers that events are published to. */
export interface StreamSettings {
  /** Where a new publisher begins in the stream. */
  from: Given['POSTDATE_STREAMS_FROM'];
  nats?: NatsSettings;
  kafka?: KafkaSettings;
}

export const streamSettings = (given: Given, keepDays: number): StreamSettings => ({
  from: given.POSTDATE_STREAMS_FROM,
  ...(given.POSTDATE_NATS_URL && { nats: natsSettings(given, given.POSTDATE_NATS_URL, keepDays) }),
  ...(given.POSTDATE_KAFKA_BROKERS && { kafka: kafkaSettings(given, given.POSTDATE_KAFKA_BROKERS) }),
});

function natsSettings(given: Given, servers: NonNullable<Given['POSTDATE_NATS_URL']>, keepDays: number): NatsSettings {
  const files = defined({
    caFile: given.POSTDATE_NATS_CA_FILE,
    certFile: given.POSTDATE_NATS_CERT_FILE,
    keyFile: given.POSTDATE_NATS_KEY_FILE,
  });
  // If any setting concerns TLS, the client connects with TLS only.
  const withTls = servers.some(({ tls }) => tls) || Object.keys(files).length > 0;
  return {
    servers: servers.map(({ address }) => address),
    stream: given.POSTDATE_NATS_STREAM,
    keepDays,
    ...(withTls && { tls: files }),
    ...defined({ login: servers.find(({ login }) => login)?.login }),
    ...defined({ credentialsFile: given.POSTDATE_NATS_CREDENTIALS_FILE }),
  };
}

function kafkaSettings(given: Given, brokers: string[]): KafkaSettings {
  const {
    POSTDATE_KAFKA_SASL: mechanism,
    POSTDATE_KAFKA_USERNAME: username,
    POSTDATE_KAFKA_PASSWORD: password,
  } = given;
  const texts = defined({
    ca: textOf(given.POSTDATE_KAFKA_CA_FILE),
    cert: textOf(given.POSTDATE_KAFKA_CERT_FILE),
    key: textOf(given.POSTDATE_KAFKA_KEY_FILE),
  });
  return {
    brokers,
    topic: given.POSTDATE_KAFKA_TOPIC,
    ssl: Object.keys(texts).length > 0 ? texts : given.POSTDATE_KAFKA_TLS === 'true',
    ...(mechanism && username !== undefined && password !== undefined && { sasl: { mechanism, username, password } }),
  };
}

const textOf = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file, 'utf8'));

const defined = <Fields extends object>(fields: Fields): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
