import { nanoid } from 'nanoid';
import { disableWebhook } from '../../../src/events/webhooks/disable';
import { queueBatch } from '../../../src/events/webhooks/queue';
import { addWebhook, removeWebhook } from '../../../src/events/webhooks/registration';
import { webhookChecks } from '../../../src/operating/doctor/webhooks';
import { useDatabase } from '../../support/database';
import { emitTo, reach } from '../../support/webhooks';

const database = useDatabase();
const look = () => webhookChecks(database.pool)[0]?.run();
const query = (text: string) => database.pool.query(text);

it('doctor says which webhooks are ill, and that nobody queues events, but nothing of none, or of well ones', async () => {
  expect(await look()).toMatchObject({ status: 'ok', says: 'none' });
  const { id } = await addWebhook(database.pool, { url: 'http://127.0.0.1:9/', tenant: '*' }, reach);
  expect(await look()).toMatchObject({ status: 'ok', says: '1 enabled, 0 events wait' });

  await emitTo(database.pool, [nanoid()]);
  expect(await look()).toMatchObject({ status: 'ok' });
  await query(`update postdate.outbox set relayed_at = now() - interval '1 h'`);
  expect(await look()).toMatchObject({ status: 'fail', says: expect.stringMatching(/queued, for 36\d\d s$/) });
  await queueBatch(database.pool);
  expect(await look()).toMatchObject({ status: 'ok', says: '1 enabled, 1 events wait' });

  await query('update postdate.webhook set failures = 1, failing_since = now()');
  expect(await look()).toMatchObject({ status: 'warn', says: expect.stringContaining(`${id} fails since`) });
  await query(`update postdate.webhook_delivery set outcome = 'failed', ended_at = now(), next_try_at = null`);
  expect(await look()).toMatchObject({ says: expect.stringContaining(`1 deliveries to ${id} were given up`) });
  await disableWebhook(database.pool, id, 'a test');
  expect(await look()).toMatchObject({ status: 'warn', says: expect.stringContaining(`${id} is disabled: a test`) });
  await removeWebhook(database.pool, id);
  expect(await look()).toMatchObject({ status: 'ok', says: 'none' });
});
