import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { onPath } from '../../local/executables';
import { freePort } from '../../local/ports';
import { run } from '../../local/processes';
import { asyncApiOf } from '../../src/events/asyncapi/document';
import type { PostdateEvent } from '../../src/events/outbox';
import { addWebhook } from '../../src/events/webhooks/registration';
import { replayDeliveries } from '../../src/events/webhooks/replay';
import { useDatabase } from '../support/database';
import { describedBy, objectionsTo } from '../support/described-events';
import { everyEvent } from '../support/every-event';
import { type LocalProcess, runProgram, useFolder } from '../support/local-process';
import { allEnded, emitTo, reach, startTestWebhooks } from '../support/webhooks';

const python = onPath('python3') ?? '';
const EXAMPLE = join('examples', 'consumers', 'python', 'receive.py');

const folder = useFolder();
const database = useDatabase(paymentsSchema);
const secrets = [randomBytes(32), randomBytes(32)] as const;
let events: PostdateEvent[] = [];
let receiver: { url: string; port: number; process: LocalProcess };

const file = () => join(folder.path, 'events.db');

async function start(own: NodeJS.ProcessEnv = {}) {
  const env = {
    WEBHOOK_SECRETS: secrets.map((secret) => `whsec_${secret.toString('base64')}`).join(' '),
    DATABASE: file(),
    PORT: '0',
    ...own,
    // Nothing but the example and the standard library: no package that happens to be installed, and no cache beside it.
    PYTHONDONTWRITEBYTECODE: '1',
  };
  const started = runProgram(python, ['-I', EXAMPLE], { env });
  const [, url = '', port] = await started.prints(/listening on (http:\/\/127\.0\.0\.1:(\d+))/);
  return { url, port: Number(port), process: started };
}

/** As Postdate sends it, unless something is changed. */
async function send(
  event: unknown,
  { secret = secrets[0] as Buffer, sentAtMs = Date.now(), signedBody = JSON.stringify(event), headers = {} } = {},
): Promise<{ status: number; answer: unknown }> {
  const id = encodeURIComponent((event as PostdateEvent).id).replaceAll('.', '%2E');
  const timestamp = Math.floor(sentAtMs / 1_000);
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${signedBody}`).digest('base64');
  const response = await fetch(receiver.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': `v1,${signature}`,
      ...headers,
    },
    body: JSON.stringify(event),
  });
  const text = await response.text();
  return { status: response.status, answer: text === '' ? undefined : JSON.parse(text) };
}

const QUERY =
  'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2], sys.argv[3:]).fetchone()[0])';
/** How many letters it has written to somebody. */
const lettersTo = async (reader: string) =>
  Number(
    await run(python, ['-I', '-c', QUERY, file(), 'select count(*) from letter where reader = ?', reader], {
      timeoutMs: 60_000,
    }),
  );

/** An event as it really is, of an entity and to a reader of its own. */
function expired(): { event: PostdateEvent; reader: string } {
  const real = events.find(({ type }) => type === 'payment-request.expired') as PostdateEvent;
  const reader = nanoid();
  return { event: { ...real, id: `${real.id}:${reader}`, data: { ...real.data, payer: reader } }, reader };
}

/** A message of a topic without a handler, as it is put on the stream when it is due. */
function due({ cycle, payload }: { cycle: number; payload: unknown }) {
  const key = nanoid();
  const { data: _, ...around } = expired().event;
  const message = { topic: 'invoice.reminder', tenant: 'acme', key, cycle, dueAt: '2030-01-01T08:00:00.123Z', payload };
  const id = `invoice.reminder:acme:${key}:${cycle}:invoice.reminder.due`;
  return { ...around, id, source: '/postdate/invoice.reminder', type: 'invoice.reminder.due', cycle, data: message };
}

(python ? describe : describe.skip)('the receiver in Python (where there is a python3)', () => {
  beforeAll(async () => {
    events = await everyEvent(database.pool, { reason: 'no such account' });
    receiver = await start();
  });

  it('acknowledges every event that there is, and has the effect of the one that it is about', async () => {
    for (const event of events) expect(await send(event)).toEqual({ status: 204, answer: undefined });
    expect(events.length).toBeGreaterThan(6);
    expect(await lettersTo('Doe')).toBe(1);
  });

  it('has an effect once, also of an event that comes twice and of twenty copies at one time', async () => {
    const { event, reader } = expired();
    const other = expired();
    expect([await send(event), await send(event)]).toEqual([{ status: 204 }, { status: 204 }]);
    const copies = await Promise.all(Array.from({ length: 20 }, () => send(other.event)));
    expect(copies).toEqual(copies.map(() => ({ status: 204 })));
    expect([await lettersTo(reader), await lettersTo(other.reader)]).toEqual([1, 1]);
  });

  it('killed and started again, it still knows what it has had', async () => {
    const { event, reader } = expired();
    expect(await send(event)).toMatchObject({ status: 204 });
    receiver.process.signal('SIGKILL');
    await receiver.process.ended;
    receiver = await start();
    expect(await send(event)).toMatchObject({ status: 204 });
    expect(await lettersTo(reader)).toBe(1);
  });

  it('takes what the real sender sends, with the secret that it printed, and has no second effect of a replay', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const { id, secret } = await addWebhook(database.pool, { url, tenant: 'acme' }, reach);
    const another = await start({ WEBHOOK_SECRETS: secret, DATABASE: file(), PORT: String(port) });
    const sender = startTestWebhooks(database.pool);
    const reader = nanoid();
    try {
      const { data } = expired().event;
      const type = 'payment-request.expired';
      await emitTo(database.pool, [nanoid(), nanoid()], { type, data: { ...data, payer: reader } });
      await allEnded(database.pool);
      expect(await lettersTo(reader)).toBe(2);
      await replayDeliveries(database.pool, id, { from: 0 });
      sender.nudge();
      await allEnded(database.pool);
      expect(sender.results).toEqual({ delivered: expect.any(Number) });
      expect(sender.results.delivered).toBeGreaterThanOrEqual(4);
      expect(await lettersTo(reader)).toBe(2);
    } finally {
      await sender.stop();
      another.process.signal('SIGTERM');
    }
  });

  it('takes a signature by either of two secrets, also beside one that it does not know', async () => {
    const { event, reader } = expired();
    expect(await send(event, { secret: secrets[1] })).toMatchObject({ status: 204 });
    expect(await lettersTo(reader)).toBe(1);
    const other = expired();
    const sentAtMs = Date.now();
    const id = encodeURIComponent(other.event.id).replaceAll('.', '%2E');
    const signed = `${id}.${Math.floor(sentAtMs / 1_000)}.${JSON.stringify(other.event)}`;
    const by = (secret: Buffer) => `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`;
    const headers = { 'webhook-signature': `v1a,bm8= ${by(randomBytes(32))} ${by(secrets[0])}` };
    expect(await send(other.event, { sentAtMs, headers })).toMatchObject({ status: 204 });
  });

  describe('refuses with 401, and does nothing of,', () => {
    const MINUTES_MS = 60_000;
    it.each<[string, (event: PostdateEvent) => Parameters<typeof send>[1]]>([
      ['what is signed with another secret', () => ({ secret: randomBytes(32) })],
      ['a body that was changed on the way', (event) => ({ signedBody: JSON.stringify({ ...event, cycle: 9 }) })],
      ['what was sent more than five minutes ago', () => ({ sentAtMs: Date.now() - 6 * MINUTES_MS })],
      ['what will be sent in more than five minutes', () => ({ sentAtMs: Date.now() + 6 * MINUTES_MS })],
      [
        'a newer timestamp than the one that was signed',
        () => ({ headers: { 'webhook-timestamp': `${Math.floor(Date.now() / 1_000) + 1}` } }),
      ],
      ['another id than the one that was signed', () => ({ headers: { 'webhook-id': 'other' } })],
      ['no signature', () => ({ headers: { 'webhook-signature': '' } })],
      ['a signature that is none', () => ({ headers: { 'webhook-signature': 'v1, v1,é v2,AAAA' } })],
      ['a timestamp that is none', () => ({ headers: { 'webhook-timestamp': '-1' } })],
    ])('%s', async (_, changed) => {
      const { event, reader } = expired();
      expect(await send(event, changed(event))).toMatchObject({ status: 401 });
      expect(await lettersTo(reader)).toBe(0);
      expect(await send(event)).toMatchObject({ status: 204 });
      expect(await lettersTo(reader)).toBe(1);
    });
  });

  it.each([
    ['is to come again a week later', 1, true, { do: 'again', dueAt: '2030-01-08T08:00:00.123+00:00' }, 1],
    ['is done with the third time', 3, true, { do: 'done' }, 1],
    ['fails when it has no customer', 1, false, { do: 'failed', reason: 'there is nobody to remind' }, 0],
  ])('answers that a message %s, with the same words each time', async (_, cycle, known, answer, letters) => {
    const customer = nanoid();
    const event = due({ cycle, payload: known ? { customer } : null });
    expect([await send(event), await send(event)]).toEqual([
      { status: 200, answer },
      { status: 200, answer },
    ]);
    expect(await lettersTo(customer)).toBe(letters);
    const document = asyncApiOf([]);
    expect(objectionsTo(document)(event)).toEqual([]);
    expect(describedBy(document)('#/components/schemas/answer', answer)).toEqual([]);
  });

  it('does not acknowledge what it could not handle, and handles it when it comes again as it should be', async () => {
    const { event, reader } = expired();
    expect(await send({ ...event, data: { payer: reader } })).toMatchObject({ status: 500 });
    expect(await lettersTo(reader)).toBe(0);
    expect(await send(event)).toMatchObject({ status: 204 });
    expect(await lettersTo(reader)).toBe(1);
  });

  it.each([
    ['that is too large', 'Content-Length: 300000\r\n', 413],
    ['of which it is not said how large it is', '', 411],
  ])('waits for no body %s', async (_, header, status) => {
    const socket = connect(receiver.port, '127.0.0.1');
    socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\n${header}\r\n`);
    const [head] = await once(socket, 'data');
    socket.destroy();
    expect(String(head)).toMatch(new RegExp(`^HTTP/1\\.0 ${status} `));
  });

  it('does not start without a secret that it could check with', async () => {
    for (const WEBHOOK_SECRETS of ['', 'whsec_c2hvcnQ=']) {
      const refused = runProgram(python, ['-I', EXAMPLE], { env: { WEBHOOK_SECRETS, DATABASE: file(), PORT: '0' } });
      expect(await refused.ended).toBe(1);
      expect(refused.errors()).toContain('WEBHOOK_SECRETS must be');
    }
  });
});
