import { nanoid } from 'nanoid';
import { listDeliveries } from '../../../src/events/webhooks/list';
import { queueBatch } from '../../../src/events/webhooks/queue';
import { addWebhook } from '../../../src/events/webhooks/registration';
import { replayDeliveries } from '../../../src/events/webhooks/replay';
import { pruneOutbox } from '../../../src/maintenance/prune';
import { useDatabase } from '../../support/database';
import { type Listener, startListener } from '../../support/listener';
import { allEnded, emitTo, reach, startTestWebhooks, type TestWebhooks } from '../../support/webhooks';

const database = useDatabase();
let listener: Listener;
let worker: TestWebhooks;
let id: string;
beforeEach(async () => {
  listener = await startListener();
  ({ id } = await addWebhook(database.pool, { url: listener.url, tenant: 'acme' }, reach));
  worker = startTestWebhooks(database.pool);
});
afterEach(async () => {
  await worker.stop();
  await listener.stop();
  await database.pool.query('delete from postdate.webhook');
});

const emit = (count: number, fields = {}) =>
  emitTo(
    database.pool,
    Array.from({ length: count }, () => nanoid()),
    fields,
  );
const logOf = () => listDeliveries(database.pool, id, { limit: 100 });
const idsOf = () => listener.sent.map(({ event }) => event.id);
const replay = (selection: Parameters<typeof replayDeliveries>[2], options = {}) =>
  replayDeliveries(database.pool, id, selection, options);

it('one event is sent again by its id, with the same webhook-id, and the log keeps both', async () => {
  const ids = await emit(3);
  await allEnded(database.pool);
  const eventId = ids[1] as string;
  expect(await replay({ eventId }, { dryRun: true })).toEqual({ queued: 1, waiting: 0 });
  expect(listener.sent).toHaveLength(3);
  expect(await replay({ eventId })).toEqual({ queued: 1, waiting: 0 });
  await allEnded(database.pool);
  const same = listener.sent.filter(({ event }) => event.id === eventId);
  expect(listener.sent).toHaveLength(4);
  expect(new Set(same.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect((await logOf()).filter((one) => one.eventId === eventId)).toMatchObject([
    { replay: 1, state: 'delivered' },
    { replay: 0, state: 'delivered' },
  ]);
});

it('what comes after a position is sent again, also what it was never sent, and never what is not for it', async () => {
  const before = await emit(2);
  await allEnded(database.pool);
  await emit(1, { tenant: 'globex' });
  const later = await emit(2);
  await allEnded(database.pool);
  await database.pool.query('delete from postdate.webhook_delivery where event_id = $1', [later[0]]);
  const { rows } = await database.pool.query('select position from postdate.outbox where id = $1', [before[1]]);
  const from = Number(rows[0].position);
  listener.sent.length = 0;
  expect(await replay({ from })).toEqual({ queued: 2, waiting: 0 });
  await allEnded(database.pool);
  expect(idsOf().sort()).toEqual([...later].sort());
  expect(await replay({ from, to: from })).toEqual({ queued: 0, waiting: 0 });
  const [others] = await emit(1, { tenant: 'globex' });
  expect(await replay({ eventId: others as string })).toEqual({ queued: 0, waiting: 0 });
  expect(await replay({ eventId: 'unheard of' })).toEqual({ queued: 0, waiting: 0 });
});

it('what was given up is sent again, and then no more', async () => {
  const [eventId] = await emit(1);
  await allEnded(database.pool);
  await database.pool.query(`update postdate.webhook_delivery set outcome = 'failed' where event_id = $1`, [eventId]);
  expect(await replay({ failed: true })).toEqual({ queued: 1, waiting: 0 });
  await allEnded(database.pool);
  expect(idsOf()).toEqual([eventId, eventId]);
  expect(await replay({ failed: true })).toEqual({ queued: 0, waiting: 0 });
});

it('what waits for its next try is tried now instead of twice', async () => {
  listener.answers((response) => void response.writeHead(500).end());
  const [eventId] = await emit(1);
  await worker.stop();
  while ((await queueBatch(database.pool)).events > 0);
  await database.pool.query(`update postdate.webhook_delivery set next_try_at = now() + interval '1 hour'`);
  listener.answers((response) => void response.writeHead(204).end());
  listener.sent.length = 0;
  expect(await replay({ eventId: eventId as string })).toEqual({ queued: 0, waiting: 1 });
  worker = startTestWebhooks(database.pool);
  await allEnded(database.pool);
  expect(idsOf()).toEqual([eventId]);
});

it('an event stays in the outbox for as long as a webhook is to be sent it, and no longer', async () => {
  await worker.stop();
  const [delivered, waiting] = await emit(2);
  while ((await queueBatch(database.pool)).events > 0);
  await database.pool.query(
    `update postdate.webhook_delivery set outcome = 'delivered', ended_at = now(), next_try_at = null where event_id = $1`,
    [delivered],
  );
  await database.pool.query(
    `update postdate.outbox set relayed_at = now() - interval '40 days', appended_at = '-infinity'`,
  );
  const kept = async () => {
    await pruneOutbox(database.pool, 30);
    const { rows } = await database.pool.query('select id from postdate.outbox where id = any($1)', [
      [delivered, waiting],
    ]);
    return rows.map((row) => row.id);
  };
  expect(await kept()).toEqual([waiting]);
  await database.pool.query(
    `update postdate.webhook set disabled_at = now(), disabled_reason = 'a test', disabled_position = 0 where id = $1`,
    [id],
  );
  expect(await kept()).toEqual([]);
  // Enabled again, there is nothing to send, and the log says so.
  await database.pool.query(
    'update postdate.webhook set disabled_at = null, disabled_reason = null, disabled_position = null',
  );
  worker = startTestWebhooks(database.pool);
  await allEnded(database.pool);
  expect((await logOf())[0]).toMatchObject({ state: 'failed', failure: 'the event is no longer kept' });
  expect(listener.sent).toEqual([]);
});
