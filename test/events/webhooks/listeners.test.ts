import { nanoid } from 'nanoid';
import type { PoolClient } from 'pg';
import type { PostdateEvent } from '../../../src/events/outbox';
import { enableWebhook } from '../../../src/events/webhooks/disable';
import { listDeliveries, listWebhooks } from '../../../src/events/webhooks/list';
import { addWebhook } from '../../../src/events/webhooks/registration';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { allEnded, emitTo, reach, useWebhooks } from '../../support/webhooks';

const database = useDatabase();
const { listener, webhooks, add } = useWebhooks(database);
/** An event for each name, of keys that no other test has. */
const emit = (names: string[], fields = {}) =>
  emitTo(
    database.pool,
    names.map((name) => `${name}-${nanoid()}`),
    fields,
  );
const logOf = (id: string) => listDeliveries(database.pool, id, { limit: 100 });
const logged = (id: string, expected: object) =>
  eventually(async () => expect(await logOf(id)).toMatchObject([expected]));

it('a listener that answers 410 is sent nothing more, until it is enabled: then all that has come since', async () => {
  const { url, sent, answers } = await listener();
  const other = await listener();
  const { id } = await add(url);
  await add(other.url);
  answers((response) => void response.writeHead(410).end());
  const worker = webhooks();
  const [first] = await emit(['a']);
  await eventually(async () => expect(worker.logged).toMatchObject([{ webhook: id }]));
  expect((await listWebhooks(database.pool))[0]).toMatchObject({
    disabledAt: expect.any(String),
    disabledReason: 'its listener answered 410 Gone',
  });
  const later = await emit(['b', 'c']);
  await eventually(async () => expect(other.sent).toHaveLength(3));
  expect(sent).toHaveLength(1);

  answers((response) => void response.writeHead(204).end());
  expect(await enableWebhook(database.pool, id)).toEqual({ waiting: 3, skipped: 0 });
  await allEnded(database.pool);
  expect(sent.slice(1).map(({ event }) => event.id)).toEqual(expect.arrayContaining([first, ...later]));
  expect(sent).toHaveLength(4);
  expect(await enableWebhook(database.pool, id)).toBeUndefined();
});

it('enabled from now on, it is not sent what has come since, nor what waited', async () => {
  const { url, sent, answers } = await listener();
  const { id } = await add(url);
  answers((response) => void response.writeHead(410).end());
  const worker = webhooks();
  await emit(['a']);
  await eventually(async () => expect(worker.logged).toHaveLength(1));
  await emit(['b']);
  expect(await enableWebhook(database.pool, id, { fromNow: true })).toEqual({ waiting: 0, skipped: 1 });
  answers((response) => void response.writeHead(204).end());
  // What the stream has shown to webhooks before that moment is what is skipped.
  const [next] = await emit(['c']);
  await eventually(async () => expect(sent.at(-1)?.event.id).toBe(next));
  expect((await logOf(id)).at(-1)).toMatchObject({ state: 'failed', failure: expect.stringContaining('skipped') });
});

it('a redirect is not followed: it is an answer like any other that is not 2xx', async () => {
  const [away, target] = [await listener(), await listener()];
  away.answers((response) => void response.writeHead(307, { location: target.url }).end());
  const { id } = await add(away.url);
  webhooks();
  await emit([nanoid()]);
  await logged(id, { state: 'waiting', status: 307, failure: expect.stringContaining('redirects are not followed') });
  expect(target.sent).toEqual([]);
});

it('a listener that never answers, or never ends its answer, costs one try of limited time', async () => {
  const slow = await listener();
  slow.answers((response, { event }) => {
    if (event.type === 'test.silent') return;
    response.writeHead(200);
    const drip = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(drip));
  });
  const { id } = await add(slow.url);
  const { results } = webhooks({ answerWithinMs: 300 });
  await emit(['a'], { type: 'test.silent' });
  await emit(['b'], { type: 'test.dripping' });
  await eventually(async () => {
    const log = await logOf(id);
    expect(log.map(({ failure }) => failure)).toEqual(['no answer within 300 ms', 'no answer within 300 ms']);
  });
  expect(results.unreachable).toBeGreaterThanOrEqual(2);
});

it('a worker that stops waits for a listener for a moment, and leaves the event to the others', async () => {
  const { url, sent, answers } = await listener();
  answers(() => undefined);
  const { id } = await add(url);
  const first = webhooks();
  const [eventId] = await emit(['a']);
  await eventually(async () => expect(sent).toHaveLength(1));
  await first.stop();
  await logged(id, { state: 'waiting', failure: 'its worker has stopped' });
  answers((response) => void response.writeHead(204).end());
  webhooks();
  await logged(id, { eventId, state: 'delivered', tries: 2 });
  expect(first.results).toEqual({ stopped: 1 });
});

it('of a huge answer no more than a little is read; a 2xx is a 2xx', async () => {
  const { url, answers } = await listener();
  let written = 0;
  let cutOff = false;
  answers((response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const chunk = Buffer.alloc(64 * 1024, '1');
    response.on('close', () => {
      cutOff = true;
    });
    const more = () => {
      if (response.destroyed || written > 1_000 * chunk.length) return;
      written += chunk.length;
      if (response.write(chunk)) setImmediate(more);
      else response.once('drain', more);
    };
    more();
  });
  const { id } = await add(url, { answers: true });
  const answersSeen: unknown[] = [];
  webhooks({ onAnswer: async (_tx: PoolClient, _event: PostdateEvent, body: unknown) => void answersSeen.push(body) });
  await emit([nanoid()]);
  await logged(id, { state: 'delivered', status: 200 });
  await eventually(async () => expect(cutOff).toBe(true));
  expect(written).toBeLessThan(500 * 64 * 1024);
  expect(answersSeen).toEqual([]);
});

it("only whom the name's certificate names is sent anything", async () => {
  const { url, sent } = await listener({ tls: true });
  const impostor = url.replace('listener.test', 'shop.test');
  const resolve = async () => ['127.0.0.1'];
  const { id } = await addWebhook(database.pool, { url: impostor, tenant: 'acme' }, { ...reach, resolve });
  const { results } = webhooks({ resolve });
  await emit([nanoid()]);
  await logged(id, { state: 'waiting', failure: expect.stringMatching(/altnames|certificate/i) });
  expect(sent).toEqual([]);
  expect(results.unreachable).toBeGreaterThanOrEqual(1);
});

describe('private addresses', () => {
  const strict = { allowPrivateAddresses: false };

  it.each(['https://127.0.0.1/', 'https://[::1]/', 'https://169.254.169.254/latest/', 'https://10.0.0.1:8443/'])(
    '%s is refused at registration, and nothing is stored',
    async (url) => {
      const added = addWebhook(database.pool, { url, tenant: 'acme' }, strict);
      await expect(added).rejects.toMatchObject({ code: 'privateAddress', field: 'url' });
      expect(await listWebhooks(database.pool)).toEqual([]);
    },
  );

  it('a name that leads to one is refused at registration; one that leads nowhere, too', async () => {
    const named = (resolve: (name: string) => Promise<string[]>) =>
      addWebhook(database.pool, { url: 'https://shop.example/', tenant: 'acme' }, { ...strict, resolve });
    await expect(named(async () => ['1.1.1.1', '192.168.0.1'])).rejects.toMatchObject({ code: 'privateAddress' });
    const nowhere = async () => Promise.reject(new Error('queryA ENOTFOUND shop.example'));
    await expect(named(nowhere)).rejects.toMatchObject({ code: 'invalidUrl' });
    expect(await listWebhooks(database.pool)).toEqual([]);
    await expect(named(async () => ['1.1.1.1'])).resolves.toMatchObject({ secret: expect.stringMatching(/^whsec_/) });
  });

  it('a name that has changed its mind since is refused at each try, and nobody is connected to', async () => {
    const { url, sent } = await listener({ tls: true });
    const minds = [['1.1.1.1'], ['127.0.0.1']];
    let asked = 0;
    const resolve = async () => minds[Math.min(asked++, 1)] as string[];
    const { id } = await addWebhook(database.pool, { url, tenant: 'acme' }, { ...strict, resolve });
    const { results } = webhooks({ ...strict, resolve });
    await emit([nanoid()]);
    await logged(id, { state: 'waiting', failure: expect.stringMatching(/127\.0\.0\.1, which is loopback/) });
    expect(results.privateAddress).toBeGreaterThanOrEqual(1);
    expect(sent).toEqual([]);
  });

  it('the name is looked up once a try, and what was looked up is connected to, whatever it leads to a moment later', async () => {
    const { url, sent } = await listener({ tls: true });
    const asked: string[] = [];
    const resolve = async (name: string) => {
      asked.push(name);
      // The first is for the registration, the second for the try. A third answer would lead to nobody.
      return [asked.length <= 2 ? '127.0.0.1' : '127.0.0.2'];
    };
    await addWebhook(database.pool, { url, tenant: 'acme' }, { ...reach, resolve });
    webhooks({ resolve });
    await emit([nanoid()]);
    await eventually(async () => expect(sent).toHaveLength(1));
    expect(asked).toEqual(['listener.test', 'listener.test']);
  });
});

it("an answer's JSON is given on in the transaction that records the delivery, or neither happens", async () => {
  await database.pool.query('create table answer (event_id text, body jsonb)');
  const { url, answers } = await listener();
  answers((response, { event }) => {
    const body = event.type === 'test.asked' ? { do: 'done' } : undefined;
    response.writeHead(200, { 'content-type': 'application/json' }).end(body && JSON.stringify(body));
  });
  const { id } = await add(url, { answers: true });
  let broken = true;
  const { results } = webhooks({
    async onAnswer(tx: PoolClient, event: PostdateEvent, body: unknown) {
      await tx.query('insert into answer values ($1, $2)', [event.id, JSON.stringify(body)]);
      if (broken) throw new Error('no such cycle');
    },
  });
  const [asked] = await emit(['a'], { type: 'test.asked' });
  await logged(id, { state: 'waiting', failure: 'answered 200, and its answer: no such cycle' });
  const recorded = async () => (await database.pool.query('select * from answer')).rows;
  expect(await recorded()).toEqual([]);
  broken = false;
  await emit(['b'], { type: 'test.told' });
  await allEnded(database.pool);
  expect(await recorded()).toEqual([{ event_id: asked, body: { do: 'done' } }]);
  expect(results).toMatchObject({ delivered: 2 });
});
