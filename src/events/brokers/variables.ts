import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type NatsServer, natsServerOf } from './nats-url';

const itemsOf = (text: string) => text.split(',').map((item) => item.trim());

const natsUrls = z.string().transform((text, refuse): NatsServer[] => {
  const servers = itemsOf(text).map(natsServerOf);
  if (servers.every((server) => server !== undefined)) return servers;
  // Without the value, which may contain a password.
  refuse.addIssue({
    code: 'custom',
    message: 'must be nats://host:port or tls://host:port, or several, with commas between',
  });
  return z.NEVER;
});

const brokers = z
  .string()
  .transform(itemsOf)
  .refine(
    (items) => items.every((item) => /^([^\s:/]+|\[[^\]\s]+\]):\d{1,5}$/.test(item)),
    'must be host:port, or several, with commas between',
  );

const file = z.string().refine(canBeRead, 'is no file that can be read');

/** Every variable of the brokers that events are published to, with its default. */
export const streamVariables = {
  POSTDATE_STREAMS_FROM: z.enum(['start', 'end']).default('start'),
  POSTDATE_NATS_URL: natsUrls.optional(),
  // Only characters that NATS allows in a stream's name and in a subject of its API.
  POSTDATE_NATS_STREAM: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,255}$/, 'must be letters, digits, - and _')
    .default('POSTDATE'),
  POSTDATE_NATS_CREDENTIALS_FILE: file.optional(),
  POSTDATE_NATS_CA_FILE: file.optional(),
  POSTDATE_NATS_CERT_FILE: file.optional(),
  POSTDATE_NATS_KEY_FILE: file.optional(),
  POSTDATE_KAFKA_BROKERS: brokers.optional(),
  POSTDATE_KAFKA_TOPIC: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,249}$/, 'must be letters, digits, ., - and _')
    .default('postdate'),
  POSTDATE_KAFKA_TLS: z.enum(['true', 'false']).default('false'),
  POSTDATE_KAFKA_CA_FILE: file.optional(),
  POSTDATE_KAFKA_CERT_FILE: file.optional(),
  POSTDATE_KAFKA_KEY_FILE: file.optional(),
  POSTDATE_KAFKA_SASL: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
  POSTDATE_KAFKA_USERNAME: z.string().optional(),
  POSTDATE_KAFKA_PASSWORD: z.string().optional(),
};

export type Given = z.output<z.ZodObject<typeof streamVariables>>;

// Each of these needs the other. With only one of them, the setting would be ignored and the broker's error would
// mislead.
const TOGETHER: [keyof Given, keyof Given][] = [
  ['POSTDATE_NATS_CERT_FILE', 'POSTDATE_NATS_KEY_FILE'],
  ['POSTDATE_NATS_KEY_FILE', 'POSTDATE_NATS_CERT_FILE'],
  ['POSTDATE_KAFKA_CERT_FILE', 'POSTDATE_KAFKA_KEY_FILE'],
  ['POSTDATE_KAFKA_KEY_FILE', 'POSTDATE_KAFKA_CERT_FILE'],
  ['POSTDATE_KAFKA_SASL', 'POSTDATE_KAFKA_USERNAME'],
  ['POSTDATE_KAFKA_SASL', 'POSTDATE_KAFKA_PASSWORD'],
  ['POSTDATE_KAFKA_USERNAME', 'POSTDATE_KAFKA_SASL'],
  ['POSTDATE_KAFKA_PASSWORD', 'POSTDATE_KAFKA_SASL'],
];

/** The first variable that is missing beside a given one. */
export function missingBeside(given: Given): { variable: string; message: string } | undefined {
  const pair = TOGETHER.find(([name, needed]) => given[name] !== undefined && given[needed] === undefined);
  return pair && { variable: pair[1], message: `is needed beside ${pair[0]}` };
}

function canBeRead(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
