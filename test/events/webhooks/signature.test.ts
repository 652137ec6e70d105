import { Webhook } from 'standardwebhooks';
import { newSecret, secretText, signedHeaders, webhookIdOf } from '../../../src/events/webhooks/signature';

const body = JSON.stringify({ id: 'a', data: { note: 'é' } });
const eventId = 'payment-request.expiry:acme:pr-1:1:payment-request.expired';

it("what is signed is verified by Standard Webhooks' own library, with each secret that it is signed with", () => {
  const [present, previous, others] = [newSecret(), newSecret(), newSecret()];
  const headers = signedHeaders({ eventId, body }, [present, previous], Date.now());
  for (const secret of [present, previous]) {
    expect(new Webhook(secretText(secret)).verify(body, headers)).toEqual(JSON.parse(body));
  }
  expect(headers['webhook-signature'].split(' ')).toHaveLength(2);
  expect(() => new Webhook(secretText(others)).verify(body, headers)).toThrow('No matching signature');
});

it('another body, id or time is not what was signed (the control)', () => {
  const secret = newSecret();
  const verifier = new Webhook(secretText(secret));
  const now = Date.now();
  const headers = signedHeaders({ eventId, body }, [secret], now);
  const later = String(Math.floor(now / 1_000) + 1);
  expect(() => verifier.verify(body, headers)).not.toThrow();
  expect(() => verifier.verify(`${body} `, headers)).toThrow();
  expect(() => verifier.verify(body, { ...headers, 'webhook-id': 'b' })).toThrow();
  expect(() => verifier.verify(body, { ...headers, 'webhook-timestamp': later })).toThrow();
  const old = signedHeaders({ eventId, body }, [secret], now - 3_600_000);
  expect(() => verifier.verify(body, old)).toThrow('too old');
});

it('the id has no full stop, which parts what is signed, fits a header, and leads back to the event', () => {
  for (const id of [eventId, 'a.b:é ü:%2E:\n:1:x', 'a%2Eb']) {
    expect(webhookIdOf(id)).toMatch(/^[\x21-\x2d\x2f-\x7e]+$/);
    expect(decodeURIComponent(webhookIdOf(id))).toBe(id);
  }
  expect(webhookIdOf('t:acme:pr-1:1:paid')).toBe('t:acme:pr-1:1:paid');
});
