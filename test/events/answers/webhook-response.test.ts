import type { ServerResponse } from 'node:http';
import { nanoid } from 'nanoid';
import pino from 'pino';
import { schedule } from '../../../src/client';
import { listDeliveries } from '../../../src/events/webhooks/list';
import { addWebhook, removeWebhook, setAnswers } from '../../../src/events/webhooks/registration';
import { rfc3339 } from '../../../src/message/due-time';
import { readConfig } from '../../../src/process/config';
import type { RunningWorker } from '../../../src/process/run-process';
import { forwardTopic } from '../../../src/topics/forward-topic';
import { startWorker } from '../../../src/worker';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { type Listener, startListener } from '../../support/listener';
import { useTemporal } from '../../support/temporal';
import { reach } from '../../support/webhooks';

let worker: RunningWorker | undefined;
let listener: Listener;
let webhook: string;
// Above the servers' own, as jest takes them in this order.
afterAll(async () => {
  worker?.stop();
  await worker?.finished;
  await listener?.stop();
});
const temporal = useTemporal();
const database = useDatabase();
const topic = forwardTopic({ name: 'orders.reminder' });

beforeAll(async () => {
  const env = { ...temporal.envFor(database), POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES: 'allow' };
  const parts = { topics: [topic], consumers: [], schemas: [] };
  worker = await startWorker(readConfig(env), parts, pino({ level: 'silent' }));
  listener = await startListener();
  ({ id: webhook } = await addWebhook(database.pool, { url: listener.url, tenant: 'acme', answers: true }, reach));
});

const post = async (key: string) =>
  schedule(temporal.client, { topic, tenant: 'acme', key, dueAt: Date.now() - 1, payload: { order: 7 } as never });
const said = (response: ServerResponse, body: unknown) =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const answersTo = async (key: string) => {
  const text = 'select cycle, answer, reason from postdate.answer where key = $1 order by cycle';
  return (await database.pool.query(text, [key])).rows;
};
const sentTo = (key: string) => listener.sent.filter(({ event }) => event.subject === `acme/${key}`);

it('what its listener responds to a forwarded message is its answer: again at T, then done', async () => {
  const key = nanoid();
  const dueAt = rfc3339(Date.now() + 3_000);
  listener.answers((response, { event }) =>
    said(response, event.cycle === 1 ? { do: 'again', dueAt } : { do: 'done' }),
  );
  await post(key);
  await eventually(async () =>
    expect(await answersTo(key)).toEqual([
      { cycle: 1, answer: 'again', reason: null },
      { cycle: 2, answer: 'done', reason: null },
    ]),
  );
  expect(sentTo(key).map(({ event: { type, data } }) => [type, data.cycle])).toEqual([
    ['orders.reminder.due', 1],
    ['orders.reminder.due', 2],
  ]);
  expect(sentTo(key)[1]?.event.data).toMatchObject({ dueAt, payload: { order: 7 } });
});

it('a failure is told to everyone; a response to any other event, and one that says nothing, is no answer', async () => {
  const [failed, silent] = [nanoid(), nanoid()];
  listener.answers((response, { event }) => {
    if (event.subject === `acme/${silent}`) return said(response, { received: true });
    said(response, { do: 'failed', reason: 'no such order' });
  });
  await post(failed);
  await post(silent);
  await eventually(async () => {
    expect(sentTo(failed).map(({ event }) => event.type)).toEqual(['orders.reminder.due', 'postdate.failed']);
    expect(sentTo(silent)).toHaveLength(1);
  });
  await eventually(async () => {
    const all = await listDeliveries(database.pool, webhook, { limit: 100 });
    expect(all.filter(({ state }) => state !== 'delivered')).toEqual([]);
  });
  expect(await answersTo(failed)).toEqual([{ cycle: 1, answer: 'failed', reason: 'no such order' }]);
  expect(await answersTo(silent)).toEqual([]);
});

it('an answer that cannot be taken is a failed try, with its reason; the message is sent again until one can', async () => {
  const key = nanoid();
  let tries = 0;
  listener.answers((response) => {
    tries += 1;
    said(response, tries === 1 ? { do: 'again', dueAt: 'tomorrow' } : { do: 'done' });
  });
  await post(key);
  await eventually(async () => {
    const [delivery] = await listDeliveries(database.pool, webhook, { limit: 1 });
    expect(delivery).toMatchObject({ failure: expect.stringContaining('must be RFC 3339') });
  });
  expect(await answersTo(key)).toEqual([]);
  await eventually(async () => expect(await answersTo(key)).toMatchObject([{ cycle: 1, answer: 'done' }]), 60_000);
});

it('a webhook that only observes decides nothing, whatever it responds, and is not asked twice; once registered to answer, it may', async () => {
  const observer = await startListener();
  try {
    observer.answers((response) => said(response, { do: 'failed', reason: 'nobody has asked' }));
    const { id } = await addWebhook(database.pool, { url: observer.url, tenant: 'acme' }, reach);
    const [observed, decided] = [nanoid(), nanoid()];
    // The one that is registered to answer says nothing for now.
    listener.answers((response) => said(response, { received: true }));
    await post(observed);
    await eventually(async () =>
      expect(await listDeliveries(database.pool, id, { limit: 10 })).toMatchObject([
        { state: 'delivered', status: 200, tries: 1 },
      ]),
    );
    expect(await answersTo(observed)).toEqual([]);
    // The control: the same response of one that is registered to answer.
    expect(await setAnswers(database.pool, id, true)).toBe(true);
    await post(decided);
    await eventually(async () => expect(await answersTo(decided)).toMatchObject([{ answer: 'failed' }]));
    expect(await setAnswers(database.pool, 'wh_none', true)).toBe(false);
    await removeWebhook(database.pool, id);
  } finally {
    await observer.stop();
  }
});
