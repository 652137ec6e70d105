import { nanoid } from 'nanoid';
import { Webhook } from 'standardwebhooks';
import { freePort } from '../../../local/ports';
import { schedule } from '../../../src/client';
import { addWebhook } from '../../../src/events/webhooks/registration';
import { useDatabase } from '../../support/database';
import { burstTopic, effectsSchema } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { startListener } from '../../support/listener';
import { runLocal } from '../../support/local-process';
import { useTemporal } from '../../support/temporal';
import { reach } from '../../support/webhooks';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();

it('what lands is sent by the worker to whoever listens, and counted', async () => {
  const listener = await startListener();
  const { secret } = await addWebhook(database.pool, { url: listener.url, tenant: 'acme' }, reach);
  const address = `127.0.0.1:${await freePort()}`;
  const worker = runLocal('test/support/burst-worker.ts', {
    env: {
      ...temporal.envFor(database),
      POSTDATE_METRICS_ADDRESS: address,
      POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES: 'allow',
    },
  });
  try {
    await worker.prints(/worker is running/);
    const keys = Array.from({ length: 5 }, () => nanoid());
    for (const key of keys) {
      const message = { topic: burstTopic, tenant: 'acme', key, dueAt: Date.now(), payload: { note: 'n' } };
      await schedule(temporal.client, message);
    }
    await eventually(async () => expect(listener.sent).toHaveLength(5));
    expect(listener.sent.map(({ event }) => event.subject).sort()).toEqual(keys.map((key) => `acme/${key}`).sort());
    for (const { body, headers } of listener.sent) {
      expect(() => new Webhook(secret).verify(body, headers as Record<string, string>)).not.toThrow();
    }
    await eventually(async () => {
      const metrics = await (await fetch(`http://${address}/metrics`)).text();
      expect(metrics).toMatch(/^postdate_webhook_tries_total\{.*result="delivered".*\} 5$/m);
      expect(metrics).toMatch(/^postdate_webhook_waiting_deliveries(\{.*\})? 0$/m);
      expect(metrics).toMatch(/^postdate_oldest_webhook_delivery_seconds(\{.*\})? 0$/m);
    });
  } finally {
    worker.signal('SIGTERM');
    expect(await worker.exitCode).toBe(0);
    await listener.stop();
  }
});
