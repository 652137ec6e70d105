import fc from 'fast-check';
import { subjectOf } from '../../../src/events/brokers/nats-subject';
import type { PostdateEvent } from '../../../src/events/outbox';

const subject = (topic: string, tenant: string, type: string) =>
  subjectOf({ source: `/postdate/${topic}`, tenant, subject: `${tenant}/k`, type } as PostdateEvent);

it('topic and tenant are one token of the subject each, the type as many as it has parts', () => {
  expect(subject('payment-request.expiry', 'acme.eu', 'payment-request.expired')).toBe(
    'postdate.payment-request:expiry.acme:eu.payment-request.expired',
  );
});

it('what no subject can have is encoded', () => {
  expect(subject('t', 'a', 'is *.> it')).toBe('postdate.t.a.is%20%2A.%3E%20it');
  expect(subject('t', 'a', '.two..')).toBe('postdate.t.a.%.two.%.%');
  expect(subject('t', 'a', '')).toBe('postdate.t.a.%');
});

it('no two of topic, tenant and type have the same subject, and each has one that NATS takes', () => {
  const part = fc.stringMatching(/^[A-Za-z0-9._-]{1,6}$/);
  const type = fc.oneof(fc.stringMatching(/^[a-z.%:]{0,5}$/), fc.string({ unit: 'grapheme' }));
  const event = fc.tuple(part, part, type);
  fc.assert(
    fc.property(event, event, (one, other) => {
      expect(subject(...one)).toMatch(/^postdate(\.[^\s.*>]+){3,}$/);
      expect(subject(...one) === subject(...other)).toBe(one.join('\0') === other.join('\0'));
    }),
    { numRuns: 1_000 },
  );
});
