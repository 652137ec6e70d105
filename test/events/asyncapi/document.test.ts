import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import specs from '@asyncapi/specs';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { z } from 'zod';
import { installation } from '../../../app/installation';
import { paymentRequestExpiry } from '../../../app/payment-requests/expiry';
import { asyncApiOf, asyncApiText } from '../../../src/events/asyncapi/document';
import type { PostdateEvent } from '../../../src/events/outbox';
import { defineEvent, newEvent } from '../../../src/topics/event-types';
import { objectionsTo } from '../../support/described-events';

const [, EXAMPLE = ''] =
  /^```json\n(.*?)^```/ms.exec(readFileSync(join(__dirname, '..', '..', '..', 'docs', 'events.md'), 'utf8')) ?? [];
const committed = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'asyncapi.json'), 'utf8');

it('docs/asyncapi.json is what the installed topics declare; npm run asyncapi writes it', () => {
  expect(committed).toBe(asyncApiText(installation.topics));
});

describe('it is AsyncAPI 3.0', () => {
  // The specification's schema brings its meta-schema along, and two of one name would be one too many.
  const ajv = new Ajv({ strict: false, meta: false, validateSchema: false, allErrors: true });
  addFormats(ajv);
  const isAsyncApi = ajv.compile(specs.schemas['3.0.0']);

  it('by the JSON schema of the specification', () => {
    isAsyncApi(JSON.parse(committed));
    expect(isAsyncApi.errors).toBeNull();
  });

  // biome-ignore lint/suspicious/noExplicitAny: a JSON document
  it.each<[string, (document: any) => void]>([
    ['an operation of no channel', ({ operations }) => delete operations.kafka.channel],
    ['a server of no protocol', ({ servers }) => delete servers.nats.protocol],
    ['a message of another shape', ({ components }) => (components.messages['postdate.failed'].body = {})],
    ['another version', (document) => (document.asyncapi = '2.6.0')],
  ])('and with %s it would not be', (_, spoil) => {
    const document = JSON.parse(committed);
    spoil(document);
    expect(isAsyncApi(document)).toBe(false);
  });

  it('which refers only to what is there', () => {
    const references = [...committed.matchAll(/"\$ref": "#\/([^"]+)"/g)].map(([, path]) => path as string);
    expect(references.length).toBeGreaterThan(40);
    for (const path of references) {
      const target = path.split('/').reduce((part, name) => part?.[name], JSON.parse(committed));
      expect({ path, there: target !== undefined }).toEqual({ path, there: true });
    }
  });
});

it('two topics cannot declare one event, as nobody could tell which of the two shapes it has', () => {
  const event = defineEvent({ type: 'payment-request.paid', summary: 'Something else', data: z.object({}) });
  const other = { ...paymentRequestExpiry, name: 'other', events: [event] };
  expect(() => asyncApiOf([paymentRequestExpiry, other])).toThrow('two events are declared as payment-request.paid');
});

it('shapes within shapes that have a name, contain themselves, or that JSON cannot have, are described as far as they can be', () => {
  const sum = z.object({ amount: z.string() }).meta({ id: 'Sum' });
  const part = z.object({
    name: z.string(),
    get inside() {
      return part.optional();
    },
  });
  const data = z.object({ net: sum, gross: sum, part, handler: z.custom<() => void>().optional() });
  const event = defineEvent({ type: 'test.nested', summary: 'Something nested', data });
  const { source: _, ...around } = JSON.parse(EXAMPLE) as PostdateEvent;
  const given = { net: { amount: '1.00' }, gross: { amount: '1.20' }, part: { name: 'a', inside: { name: 'b' } } };
  const { type } = newEvent({ topic: 'test', tenant: 'acme', key: 'k', cycle: 1 }, event, given);
  const topic = { ...paymentRequestExpiry, name: 'test', events: [event] };
  const objections = objectionsTo(asyncApiOf([topic]));
  const nested = (change: object) => ({ ...around, source: '/postdate/test', type, data: { ...given, ...change } });
  expect(objections(nested({}))).toEqual([]);
  expect(objections(nested({ net: { amount: 1 } }))).toEqual(['/data/net/amount must be string']);
  expect(objections(nested({ part: { name: 'a', inside: {} } }))).toEqual([
    "/data/part/inside must have required property 'name'",
  ]);
});
