import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { paymentsSchema } from '../../../app/payment-requests/schema';
import { subjectOf } from '../../../src/events/brokers/nats-subject';
import { streamVariables } from '../../../src/events/brokers/variables';
import type { PostdateEvent } from '../../../src/events/outbox';
import { relayBatch } from '../../../src/events/relay';
import { useDatabase } from '../../support/database';
import { objectionsTo } from '../../support/described-events';
import { everyEvent } from '../../support/every-event';

const DOCS = join(__dirname, '..', '..', '..', 'docs');
const page = readFileSync(join(DOCS, 'events.md'), 'utf8');
const document = JSON.parse(readFileSync(join(DOCS, 'asyncapi.json'), 'utf8'));
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text as string);
const { schemas } = document.components;

const database = useDatabase(paymentsSchema);

it('docs/events.md has a row for each event of asyncapi.json, and no other', () => {
  const rows = [...page.matchAll(/^\| `([\w.<>-]+)` \|/gm)].map(([, type]) => type);
  const { answer, ...described } = document.components.messages as Record<string, { name: string }>;
  expect(rows.sort()).toEqual(
    Object.values(described)
      .map(({ name }) => name)
      .sort(),
  );
});

it('it names each field that an event of the document can have', () => {
  for (const name of ['CloudEvent', 'Failed', 'Skipped', 'LaneStopped', 'DueMessage', 'PaymentRequest']) {
    const { properties } = schemas[name] ?? schemas['postdate.failed'];
    for (const field of Object.keys(properties)) expect(page).toMatch(new RegExp(`[\`"]${field}[\`"]`));
  }
});

it('its example is an event as the document describes it', () => {
  const [example = ''] = blocks('json');
  const objections = objectionsTo(document);
  const event = JSON.parse(example) as PostdateEvent;
  expect(objections(event)).toEqual([]);
  expect(objections({ ...event, data: {} })).not.toEqual([]);
});

it('its query reads the stream', async () => {
  const events = await everyEvent(database.pool, { reason: 'no such account' });
  const [query = ''] = blocks('sql');
  expect((await database.pool.query(query)).rows).toEqual([]);
  await relayBatch(database.pool);
  const { rows } = await database.pool.query<{ position: string; payload: PostdateEvent }>(query);
  expect(rows).toEqual(events.map((payload, place) => ({ position: String(place + 1), payload })));
});

it('it names only files and ways that are there', () => {
  const links = [...page.matchAll(/\]\((?!https:)([^)#]+)\)/g)].map(([, path]) => path as string);
  expect(links.length).toBeGreaterThan(2);
  for (const path of links) expect({ path, there: existsSync(join(DOCS, path)) }).toEqual({ path, there: true });
  const { nats, kafka } = document.channels;
  expect(page).toContain(`\`${nats.address.replaceAll('{', '<').replaceAll('}', '>')}\``);
  expect(page).toContain(`topic \`${kafka.address}\``);
});

it('brokers are given what it says, where it says', async () => {
  const { nats, kafka } = document.channels;
  const event = JSON.parse(blocks('json')[0] as string) as PostdateEvent;
  const parts = { topic: 'payment-request:expiry', tenant: 'acme', type: 'payment-request.expired' };
  expect(subjectOf(event)).toBe(
    nats.address.replace(/\{(\w+)\}/g, (_: string, name: keyof typeof parts) => parts[name]),
  );
  expect(nats.description).toContain(`stream ${streamVariables.POSTDATE_NATS_STREAM.parse(undefined)},`);
  expect(kafka.address).toBe(streamVariables.POSTDATE_KAFKA_TOPIC.parse(undefined));
});
