import { nanoid } from 'nanoid';
import { freePort } from '../../../local/ports';
import { schedule } from '../../../src/client';
import { useDatabase } from '../../support/database';
import { dueInTime } from '../../support/due-in-time';
import { burstTopic, effectsSchema } from '../../support/effects';
import { eventually, eventuallyAfter } from '../../support/eventually';
import { runLocal } from '../../support/local-process';
import { useTemporal } from '../../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();

it("a worker shows Prometheus what it holds, what came of it, and the SDK's own metrics", async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const worker = runLocal('test/support/burst-worker.ts', {
    env: { ...temporal.envFor(database), POSTDATE_METRICS_ADDRESS: address },
  });
  const scrape = async () => (await fetch(`http://${address}/metrics`)).text();
  /** The value of the one series of this name, and this label where given, of the topic or without one. */
  const seriesOf = (metrics: string, name: string, label = '') => {
    const line = metrics.split('\n').find((text) => text.startsWith(`${name}{`) && text.includes(label));
    return Number(line?.split(' ').at(-1));
  };
  try {
    await worker.prints(/worker is running/);
    const post = (count: number, dueAt: number) => {
      const message = { topic: burstTopic, tenant: 'acme', dueAt, payload: { note: 'n' } };
      const keys = Array.from({ length: count }, () => nanoid());
      return Promise.all(keys.map((key) => schedule(temporal.client, { ...message, key })));
    };
    // They are late from their beginning, and so neither held when they are due nor measured.
    let late = 0;
    const dueAt = await dueInTime(20, async (probes) => {
      late += probes;
      await post(probes, Date.now());
      await eventually(async () => {
        expect((await database.pool.query('select 1 from postdate.delivery')).rowCount).toBe(late);
      });
    });
    await post(20, dueAt);
    await eventually(async () => expect(seriesOf(await scrape(), 'postdate_held_messages')).toBe(20));
    await eventuallyAfter(dueAt, async () => {
      const metrics = await scrape();
      expect(seriesOf(metrics, 'postdate_due_messages_total', 'held="true"')).toBe(20);
      expect(seriesOf(metrics, 'postdate_held_messages')).toBe(0);
    });
    const metrics = await scrape();
    expect(seriesOf(metrics, 'postdate_lateness_seconds_count', 'topic="test.effect"')).toBe(20);
    expect(seriesOf(metrics, 'postdate_lateness_seconds_bucket', 'le="3600"')).toBe(20);
    expect(seriesOf(metrics, 'postdate_landing_group_messages_sum')).toBe(late + 20);
    expect(seriesOf(metrics, 'postdate_landing_duration_seconds_sum')).toBeGreaterThan(0);
    // Results are told to Temporal after the landing, at its pace.
    await eventually(async () => expect(await scrape()).toMatch(/^postdate_release_backlog(\{.*\})? 0$/m));
    expect(metrics).toMatch(/^postdate_landing_backlog\{.*\} 0$/m);
    expect(metrics).toMatch(/^postdate_oldest_command_seconds(\{.*\})? 0$/m);
    expect(metrics).toMatch(/^temporal_worker_task_slots_used\{/m);
  } finally {
    worker.signal('SIGTERM');
    expect(await worker.exitCode).toBe(0);
  }
});
