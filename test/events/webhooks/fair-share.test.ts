import type { ServerResponse } from 'node:http';
import { nanoid } from 'nanoid';
import { claimDeliveries } from '../../../src/events/webhooks/claim-deliveries';
import { queueBatch } from '../../../src/events/webhooks/queue';
import { createTurns, type InFlight } from '../../../src/events/webhooks/tenant-turns';
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
  /** How many places each tenant is given, while some have deliveries in flight. */
  async function given(inFlightOf: [webhookId: string, count: number][] = [], limit = 50) {
    const inFlight = inFlightOf.flatMap(([webhookId, length]) =>
      Array.from({ length }, () => ({ webhookId, tenant: tenantOf.get(webhookId) as string })),
    );
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
    expect(await given([[busy as string, 25]], 25)).toEqual({ b: 16 });
    await emit('c', 2);
    await queueAll();
    expect(await given([[busy as string, 12]], 38)).toEqual({ b: 12, c: 2 });
  });

  it('go to the tenant with the fewest first, where there are too few', async () => {
    const [one] = await register('a', 5);
    await register('b', 1);
    await emit('a', 20);
    await emit('b', 20);
    await queueAll();
    expect(await given([[one as string, 9]], 3)).toEqual({ b: 3 });
    expect(await given([], 4)).toEqual({ a: 2, b: 2 });
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

describe('within a webhook of all tenants', () => {
  const claim = (inFlight: InFlight[] = [], after = new Map<string, string>(), limit = 50) =>
    claimDeliveries(database.pool, 'w', { inFlight, after, perWebhook: 10, places: 50, limit });
  const countsOf = (claimed: InFlight[]) => {
    const counts: Record<string, number> = {};
    for (const { tenant } of claimed) counts[tenant] = (counts[tenant] ?? 0) + 1;
    return counts;
  };

  it('neighbour: an event of another tenant is sent while the many of one tenant wait, and none of those is answered', async () => {
    const slow = await listener();
    const held: ServerResponse[] = [];
    slow.answers((response) => void held.push(response));
    await add(slow.url, { tenant: '*' });
    const worker = webhooks({ answerWithinMs: 600_000 });
    await emit('loud', 200);
    // The control: the flood takes what there is, less one place.
    await eventually(async () => expect(held).toHaveLength(9));
    const [quiet] = await emit('quiet', 1);
    await eventually(async () => expect(slow.sent.map(({ event }) => event.id)).toContain(quiet));
    expect(held).toHaveLength(10);
    // Places that come free go to tenants in turn.
    await emit('second', 2);
    await emit('third', 2);
    await eventually(async () => {
      const { rowCount } = await database.pool.query('select from postdate.webhook_delivery');
      expect(rowCount).toBe(205);
    });
    slow.answers((response) => void response.writeHead(204).end());
    for (const response of held.splice(0)) response.writeHead(204).end();
    const tenants = () => slow.sent.map(({ event }) => event.tenant);
    await eventually(async () => expect(tenants()).toHaveLength(205));
    for (const tenant of ['second', 'third']) {
      expect(tenants().lastIndexOf(tenant)).toBeLessThan(10 + 60);
    }
    expect(worker.errors).toEqual([]);
  });

  it('tenants are given places in turn, and the last one goes to a tenant without another', async () => {
    const { id } = await add('http://127.0.0.1:9/', { tenant: '*' });
    await emit('loud', 100);
    for (const tenant of ['b', 'c', 'd']) await emit(tenant, 2);
    await queueAll();
    const first = await claim();
    expect(countsOf(first)).toEqual({ loud: 3, b: 2, c: 2, d: 2 });
    expect(await claim(first)).toEqual([]);
    await emit('e', 5);
    await queueAll();
    expect(countsOf(await claim(first))).toEqual({ e: 1 });
    const inFlight = first.filter(({ tenant }) => tenant === 'loud');
    expect(countsOf(await claim(inFlight, new Map([[id, 'loud']]), 5))).toEqual({ e: 4, loud: 1 });
  });

  it('each claim goes on behind the tenant at which the one before has stopped, and begins anew after the last one', async () => {
    const { id } = await add('http://127.0.0.1:9/', { tenant: '*' });
    for (let nth = 0; nth < 25; nth += 1) await emit(`t${String.fromCharCode(97 + nth)}`, 3);
    await queueAll();
    const turns = createTurns();
    const seen: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const claimed = await claim([], turns.after());
      turns.begin(claimed);
      expect(claimed).toHaveLength(10);
      seen.push(...claimed.map(({ tenant }) => tenant));
    }
    // Fifty places are two for each of 25 tenants, and not one tenant has had three.
    expect(new Set(Object.values(countsOf(seen.map((tenant) => ({ webhookId: id, tenant })))))).toEqual(new Set([2]));
  });

  it('what is no entity of ours is sent too, and what was there before the index', async () => {
    const { id } = await add('http://127.0.0.1:9/', { tenant: '*' });
    await database.pool.query(
      `insert into postdate.webhook_delivery (webhook_id, position, event_id, entity)
       select $1, 1000000 + nth, 'odd-' || nth, entity
         from unnest(array['', ' ', 'x', 'x y', '/ /', 'é ü/ß', 'topic acme/a/b']) with ordinality as odd (entity, nth)`,
      [id],
    );
    const claimed = await claim();
    expect(claimed.map(({ eventId }) => eventId).sort()).toEqual(
      Array.from({ length: 7 }, (_, nth) => `odd-${nth + 1}`),
    );
  });

  it('many that wait behind a refused one of their message are passed over, and the next tenant has its turn', async () => {
    const { id } = await add('http://127.0.0.1:9/', { tenant: '*' });
    for (const type of ['test.first', 'test.second', 'test.third']) {
      await emitTo(database.pool, keys(1).fill('stuck'), { tenant: 'a', type });
    }
    await emit('b', 2);
    await queueAll();
    await database.pool.query(
      `update postdate.webhook_delivery set next_try_at = now() + interval '1 hour'
        where webhook_id = $1 and event_id like '%test.first'`,
      [id],
    );
    expect(countsOf(await claim())).toEqual({ b: 2 });
  });
});
