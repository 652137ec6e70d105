import type { ServerResponse } from 'node:http';
import { nanoid } from 'nanoid';
import { Webhook } from 'standardwebhooks';
import { claimDeliveries } from '../../../src/events/webhooks/claim-deliveries';
import { listDeliveries } from '../../../src/events/webhooks/list';
import { queueBatch } from '../../../src/events/webhooks/queue';
import { rotateSecret } from '../../../src/events/webhooks/registration';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { type Listener, startListener } from '../../support/listener';
import { allEnded, emitTo, hurry, useWebhooks } from '../../support/webhooks';

const database = useDatabase();
const HOUR_MS = 3_600_000;
const { listener, webhooks, add } = useWebhooks(database);
const keys = (count: number) => Array.from({ length: count }, () => nanoid());
const emit = (names: string[], fields = {}) => emitTo(database.pool, names, fields);
const idsOf = ({ sent }: Listener) => sent.map(({ event }) => event.id);
const hurryOne = (id: string, eventId: string) =>
  database.pool.query(
    `update postdate.webhook_delivery set next_try_at = now()
      where webhook_id = $1 and event_id = $2 and claimed_by is null and next_try_at is not null`,
    [id, eventId],
  );
const logOf = (id: string) => listDeliveries(database.pool, id, { limit: 1_000 });

it('an event is posted as it is in the stream, over TLS, signed by Standard Webhooks, and logged', async () => {
  const { url, sent } = await listener({ tls: true });
  const { id, secret } = await add(url);
  const { results, errors } = webhooks();
  const [eventId] = await emit([nanoid()], { data: { note: 'é' } });
  await allEnded(database.pool);
  await eventually(async () => expect(sent).toHaveLength(1));
  const [{ method, path, headers, body, event }] = sent as [(typeof sent)[0]];
  expect({ method, path, type: headers['content-type'] }).toEqual({
    method: 'POST',
    path: '/events',
    type: 'application/cloudevents+json; charset=utf-8',
  });
  expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual(event);
  const { rows } = await database.pool.query('select payload from postdate.outbox where id = $1', [eventId]);
  expect(event).toEqual(rows[0].payload);
  expect(decodeURIComponent(headers['webhook-id'] as string)).toBe(eventId);
  expect(await logOf(id)).toMatchObject([{ eventId, state: 'delivered', tries: 1, status: 204, replay: 0 }]);
  expect({ results, errors }).toEqual({ results: { delivered: 1 }, errors: [] });
});

it('a webhook is sent the events of its tenant, topics and types, and no others', async () => {
  const [acme, everybody, narrow] = [await listener(), await listener(), await listener()];
  await add(acme.url);
  await add(everybody.url, { tenant: '*' });
  await add(narrow.url, { tenant: '*', topics: ['test.one'], types: ['test.paid', 'test.due'] });
  webhooks();
  const [wanted] = await emit(['a'], { topic: 'test.one', type: 'test.paid', tenant: 'globex' });
  const [own] = await emit(['a'], { topic: 'test.one', type: 'test.cancelled' });
  const [other] = await emit(['a'], { topic: 'test.two', type: 'test.paid', tenant: 'globex' });
  await allEnded(database.pool);
  expect(idsOf(acme)).toEqual([own]);
  expect(idsOf(everybody).sort()).toEqual([wanted, own, other].sort());
  expect(idsOf(narrow)).toEqual([wanted]);
});

it('with a new secret the old one goes on for a while, so that the listener can take the new one in its own time', async () => {
  const { url, sent } = await listener();
  const { id, secret } = await add(url);
  const second = (await rotateSecret(database.pool, id, { overlapMs: HOUR_MS })) as string;
  webhooks();
  const verifies = async (known: string) => {
    await emit([nanoid()]);
    await allEnded(database.pool);
    const { body, headers } = sent.at(-1) as (typeof sent)[0];
    try {
      return new Webhook(known).verify(body, headers as Record<string, string>) !== undefined;
    } catch {
      return false;
    }
  };
  expect([await verifies(secret), await verifies(second)]).toEqual([true, true]);
  await database.pool.query(`update postdate.webhook_secret set ends_at = now() where ends_at is not null`);
  expect([await verifies(secret), await verifies(second)]).toEqual([false, true]);
  // A secret that others know must not sign for a day more.
  const third = (await rotateSecret(database.pool, id, { overlapMs: 0 })) as string;
  expect([await verifies(second), await verifies(third)]).toEqual([false, true]);
});

it('what is refused is tried again, ever more rarely, until it is delivered', async () => {
  const { url, sent, answers } = await listener();
  const { id } = await add(url);
  let failures = 2;
  answers((response) => {
    failures -= 1;
    response.writeHead(failures >= 0 ? 500 : 200).end();
  });
  const { results } = webhooks();
  const [eventId] = await emit([nanoid()]);
  await eventually(async () =>
    expect(await logOf(id)).toMatchObject([{ state: 'waiting', status: 500, failure: 'answered 500' }]),
  );
  await allEnded(database.pool);
  expect(await logOf(id)).toMatchObject([{ state: 'delivered', tries: 3, status: 200 }]);
  expect(results).toEqual({ refused: 2, delivered: 1 });
  // The same event, each time with a signature of its own time.
  expect(new Set(sent.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([eventId?.replaceAll('.', '%2E')]));
});

it('after tries over three days a delivery is given up, and stays in the log', async () => {
  const { url, answers } = await listener();
  const { id } = await add(url);
  answers((response) => void response.writeHead(503).end());
  const { results, logged } = webhooks();
  const [eventId, later] = [(await emit(['entity']))[0], (await emit(['entity'], { type: 'test.later' }))[0]];
  const age = (days: number, tries: number) =>
    database.pool.query(
      `update postdate.webhook_delivery set queued_at = now() - make_interval(days => $1), tries = $2, next_try_at = now()
        where event_id = $3 and claimed_by is null and next_try_at is not null`,
      [days, tries, eventId],
    );
  const first = async () => (await logOf(id)).find((one) => one.eventId === eventId);
  await eventually(async () => expect(await first()).toMatchObject({ tries: 1, status: 503 }));
  // Neither for its age alone nor for its tries alone: the workers may have been away, or the clock wrong.
  await eventually(async () => {
    await age(4, 1);
    expect(await first()).toMatchObject({ state: 'waiting', tries: 2 });
  });
  await eventually(async () => {
    await age(1, 20);
    expect(await first()).toMatchObject({ state: 'waiting', tries: 21 });
  });
  await eventually(async () => {
    await age(4, 9);
    expect(await first()).toMatchObject({ state: 'failed', tries: 10 });
  });
  expect(results).toMatchObject({ givenUp: 1 });
  expect(logged).toMatchObject([{ webhook: id, event: eventId }]);
  // Those behind it go on.
  answers((response) => void response.writeHead(204).end());
  await allEnded(database.pool);
  expect((await logOf(id)).find((one) => one.eventId === later)).toMatchObject({ state: 'delivered' });
});

it('while a listener is down nothing is lost, everyone else is served, and all of it comes when it is back', async () => {
  const healthy = await listener();
  const gone = await startListener();
  const port = Number(new URL(gone.url).port);
  await gone.stop();
  await add(healthy.url);
  const { id } = await add(gone.url);
  const { errors } = webhooks();
  const ids = await emit(keys(60));
  await eventually(async () => expect(healthy.sent).toHaveLength(60));
  await eventually(async () => expect((await logOf(id)).some(({ tries }) => tries > 0)).toBe(true));
  expect((await logOf(id)).filter(({ state }) => state === 'waiting')).toHaveLength(60);

  // Half a day until the next tries, but for the first: its success is what brings the others.
  await eventually(async () => {
    await database.pool.query(
      `update postdate.webhook_delivery set next_try_at = now() + interval '12 hours'
        where webhook_id = $1 and tries > 0 and claimed_by is null and event_id <> $2`,
      [id, ids[0]],
    );
    expect((await logOf(id)).filter(({ tries }) => tries > 0).length).toBeGreaterThan(3);
  });
  const back = await listener({ port });
  await hurryOne(id, ids[0] as string);
  await eventually(async () => expect(new Set(idsOf(back))).toEqual(new Set(ids)));
  await allEnded(database.pool);
  expect(back.sent).toHaveLength(60);
  expect(errors).toEqual([]);
});

it('the events of one message arrive in their order; one that is refused holds up its own message only', async () => {
  const { url, sent, answers } = await listener();
  await add(url);
  answers((response, { event }) => void response.writeHead(event.type === 'test.bad' ? 500 : 204).end());
  webhooks();
  const order = ['test.one', 'test.two', 'test.three', 'test.four', 'test.five'];
  await emit(['stuck'], { type: 'test.bad' });
  for (const type of order) await emit(['stuck', 'well', 'fine'], { type });
  const typesOf = (key: string) =>
    sent.filter(({ event }) => event.subject === `acme/${key}`).map(({ event }) => event.type);
  await eventually(async () => expect([typesOf('well'), typesOf('fine')]).toEqual([order, order]));
  await hurry(database.pool);
  expect(new Set(typesOf('stuck'))).toEqual(new Set(['test.bad']));
  answers((response) => void response.writeHead(204).end());
  await allEnded(database.pool);
  expect(typesOf('stuck').filter((type) => type !== 'test.bad')).toEqual(order);
});

it('two workers send each event once', async () => {
  const { url, sent, answers, mostAtOnce } = await listener();
  await add(url);
  // Ten are one worker's: the listener answers nobody before both are there.
  const held: ServerResponse[] = [];
  answers((response) => {
    held.push(response);
    if (mostAtOnce() > 10) for (const one of held.splice(0)) one.writeHead(204).end();
  });
  // However late the second begins, the first has not given its ten up: the listener would count as away, and get one at a time.
  const both = [webhooks({ answerWithinMs: 600_000 }), webhooks({ answerWithinMs: 600_000 })];
  const ids = await emit(keys(300));
  for (const one of both) one.nudge();
  await allEnded(database.pool);
  expect(sent).toHaveLength(300);
  expect(new Set(sent.map(({ event }) => event.id))).toEqual(new Set(ids));
  for (const { results, errors } of both) {
    expect(results.delivered).toBeGreaterThan(0);
    expect(errors).toEqual([]);
  }
  expect(mostAtOnce()).toBeLessThanOrEqual(20);
});

it('a listener takes ten places of a worker, one that seems to be away only one, and the others find room', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 3; i += 1) ids.push((await add('http://127.0.0.1:9/')).id);
  const [, away, busy] = ids as [string, string, string];
  await emit(keys(30));
  while ((await queueBatch(database.pool)).events > 0);
  await database.pool.query('update postdate.webhook set failures = 3, failing_since = now() where id = $1', [away]);
  const claim = async (limit: number) => {
    const inFlight = Array.from({ length: 7 }, () => ({ webhookId: busy, tenant: 'acme' }));
    const claimed = await claimDeliveries(database.pool, 'w', { inFlight, perWebhook: 10, places: 50, limit });
    return ids.map((id) => claimed.filter(({ webhookId }) => webhookId === id).length);
  };
  expect(await claim(50)).toEqual([10, 1, 3]);
  const counted = await claim(12);
  expect(counted.reduce((sum, one) => sum + one)).toBe(12);
  const once =
    'select count(distinct (webhook_id, position))::int as n, sum(tries)::int as tries from postdate.webhook_delivery where claimed_by is not null';
  expect((await database.pool.query(once)).rows).toEqual([{ n: 26, tries: 26 }]);
});

it('what a worker had claimed when it died is sent by another when its minute is over', async () => {
  const { url, sent } = await listener();
  const { id } = await add(url);
  const [eventId] = await emit([nanoid()]);
  while ((await queueBatch(database.pool)).events > 0);
  const claim = `update postdate.webhook_delivery set claimed_by = 'dead', tries = 1, next_try_at = now() + $1::interval
                  where webhook_id = $2`;
  await database.pool.query(claim, ['1 minute', id]);
  const { waiting } = webhooks();
  await eventually(async () => expect(waiting()).toMatchObject({ deliveries: 1 }));
  expect(sent).toEqual([]);
  await database.pool.query(claim, ['0 s', id]);
  await eventually(async () => expect(await logOf(id)).toMatchObject([{ eventId, state: 'delivered', tries: 2 }]));
});

it('a listener that asks to be left alone is, with Retry-After', async () => {
  const { url, sent, answers } = await listener();
  const { id } = await add(url);
  answers((response) => void response.writeHead(429, { 'retry-after': '3600' }).end());
  webhooks();
  await emit(['a']);
  await eventually(async () => expect(sent).toHaveLength(1));
  await eventually(async () => expect(await logOf(id)).toMatchObject([{ state: 'waiting', status: 429 }]));
  const { rows } = await database.pool.query(
    `select delivery.next_try_at > now() + interval '50 min' as later, resting_until > now() + interval '50 min' as rests
       from postdate.webhook_delivery as delivery, postdate.webhook`,
  );
  expect(rows).toEqual([{ later: true, rests: true }]);
  // Also with what comes meanwhile.
  const other = await listener();
  await add(other.url);
  await emit(['b', 'c']);
  await eventually(async () => expect(other.sent).toHaveLength(2));
  await hurry(database.pool);
  await emit(['d']);
  await eventually(async () => expect(other.sent).toHaveLength(3));
  expect(sent).toHaveLength(1);
});

it('pauses that a clock has written that was ahead come to an end', async () => {
  const { url, sent } = await listener();
  const { id } = await add(url);
  await emit([nanoid()]);
  while ((await queueBatch(database.pool)).events > 0);
  await database.pool.query(`update postdate.webhook_delivery set next_try_at = now() + interval '1 year'`);
  await database.pool.query(`update postdate.webhook set resting_until = now() + interval '1 year' where id = $1`, [
    id,
  ]);
  await database.pool.query(`delete from postdate.turn where name = 'webhooks: leaps'`);
  webhooks();
  await eventually(async () => expect(sent).toHaveLength(1));
});

it('a row that holds no event ends its delivery as failed at once, blames no listener, and holds up nothing', async () => {
  const { url, sent } = await listener();
  const { id } = await add(url, { tenant: '*' });
  const { results } = webhooks();
  await database.pool.query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
     values ($1, 'test.webhooks', 'acme/a', 'test.happened', '{"subject": {}, "cycle": "one"}')`,
    [nanoid()],
  );
  const [eventId] = await emit(['a'], { type: 'test.next' });
  await allEnded(database.pool);
  expect(sent.map(({ event }) => event.id)).toEqual([eventId]);
  expect(await logOf(id)).toMatchObject([
    { eventId, state: 'delivered' },
    { state: 'failed', tries: 1, failure: expect.stringMatching(/^no event: /) },
  ]);
  const { rows } = await database.pool.query('select failures from postdate.webhook where id = $1', [id]);
  expect(rows).toEqual([{ failures: 0 }]);
  expect(results).toEqual({ delivered: 1, noEvent: 1, givenUp: 1 });
});
