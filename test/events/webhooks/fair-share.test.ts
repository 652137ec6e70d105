import type { ServerResponse } from 'node:http';
import { nanoid } from 'nanoid';
import { claimDeliveries } from '../../../src/events/webhooks/claim-deliveries';
import { queueBatch } from '../../../src/events/webhooks/queue';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { emitTo, useWebhooks } from '../../support/webhooks';

const database = useDatabase();
const { listener, webhooks, add } = useWebhooks(database);
const keys = (count: number) => Array.from({ length: count }, () => nanoid());
const emit = (tenant: string, count: number) => emitTo(database.pool, keys(count), { tenant });
const queueAll = async () => {
  while ((await queueBatch(database.pool)).events > 0);
};

beforeEach(() => database.pool.query('delete from postdate.webhook_delivery'));

it.each([1, 4])(
  'webhooks of %i tenants that do not answer yet keep no event of another from being sent: it comes as in its quiet run',
  async (tenants) => {
    const [slow, quick] = [await listener(), await listener()];
    const held: ServerResponse[] = [];
    slow.answers((response) => void held.push(response));
    await add(quick.url, { tenant: 'quiet' });
    const loud = Array.from({ length: tenants }, (_, index) => `loud-${index}`);
    for (const tenant of loud) for (let i = 0; i < 5; i += 1) await add(slow.url, { tenant });
    const worker = webhooks({ answerWithinMs: 600_000 });

    // The quiet run, and the control.
    await emit('quiet', 1);
    await eventually(async () => expect(quick.sent).toHaveLength(1));
    for (const tenant of loud) await emit(tenant, 12);
    await eventually(async () => expect(held.length).toBeGreaterThanOrEqual(25));
    await emit('quiet', 3);
    await eventually(async () => expect(quick.sent).toHaveLength(4));
    // Nothing of the others has ended by then: no place was given back.
    await eventually(async () => expect(worker.results).toEqual({ delivered: 4 }));
    expect(slow.mostAtOnce()).toBeLessThan(50);
    slow.answers((response) => void response.writeHead(204).end());
    for (const response of held) response.writeHead(204).end();
    await eventually(async () => expect(worker.results).toEqual({ delivered: 4 + tenants * 5 * 12 }));
    expect(worker.errors).toEqual([]);
  },
);

describe('the places of a worker', () => {
  const tenantOf = new Map<string, string>();
  async function register(tenant: string, count: number): Promise<string[]> {
    const ids: string[] = [];
    for (let i = 0; i < count; i += 1) ids.push((await add('http://127.0.0.1:9/', { tenant })).id);
    for (const id of ids) tenantOf.set(id, tenant);
    return ids;
  }
  /** How many places each tenant is given. */
  async function given(inFlight = new Map<string, number>(), limit = 50): Promise<Record<string, number>> {
    const claimed = await claimDeliveries(database.pool, 'w', { inFlight, perWebhook: 10, places: 50, limit });
    const counts: Record<string, number> = {};
    for (const { webhookId } of claimed) {
      const tenant = tenantOf.get(webhookId) as string;
      counts[tenant] = (counts[tenant] ?? 0) + 1;
    }
    return counts;
  }

  it('are half for one tenant alone, a third for each of two, and one share stays free', async () => {
    const [busy] = await register('a', 6);
    await register('b', 6);
    await register('c', 1);
    await emit('a', 30);
    await queueAll();
    expect(await given()).toEqual({ a: 25 });
    await emit('b', 30);
    await queueAll();
    // The 25 of before are in flight; a third of the places is 16.
    expect(await given(new Map([[busy as string, 25]]), 25)).toEqual({ b: 16 });
    await emit('c', 2);
    await queueAll();
    expect(await given(new Map([[busy as string, 12]]), 38)).toEqual({ b: 12, c: 2 });
  });

  it('go to the tenant with the fewest first, where there are too few', async () => {
    const [one] = await register('a', 5);
    await register('b', 1);
    await emit('a', 20);
    await emit('b', 20);
    await queueAll();
    expect(await given(new Map([[one as string, 9]]), 3)).toEqual({ b: 3 });
    expect(await given(new Map(), 4)).toEqual({ a: 2, b: 2 });
  });

  it('are one at least for each of more tenants than there are places', async () => {
    for (let i = 0; i < 60; i += 1) await register(`t${i}`, 1);
    for (let i = 0; i < 60; i += 1) await emit(`t${i}`, 2);
    await queueAll();
    const counts = await given();
    expect(Object.keys(counts)).toHaveLength(50);
    expect(new Set(Object.values(counts))).toEqual(new Set([1]));
  });
});
