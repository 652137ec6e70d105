import { nanoid } from 'nanoid';
import type { Pool, PoolClient } from 'pg';
import { relayBatch } from '../../../src/events/relay';
import { freeFirstDeliveries } from '../../../src/events/webhooks/backlog';
import { type ClaimedDelivery, claimDeliveries } from '../../../src/events/webhooks/claim-deliveries';
import { recordDelivered, recordFailure } from '../../../src/events/webhooks/delivery-results';
import { disableWebhook, enableWebhook } from '../../../src/events/webhooks/disable';
import { queueBatch } from '../../../src/events/webhooks/queue';
import { replayDeliveries } from '../../../src/events/webhooks/replay';
import { inTransaction } from '../../../src/platform/database/pool';
import { useDatabase } from '../../support/database';
import { useWebhooks } from '../../support/webhooks';

const database = useDatabase();
const { add } = useWebhooks(database);
const query = (text: string, values?: unknown[]) => database.pool.query(text, values);

/** Puts so many events of one entity into the stream. */
async function emit(key: string, count: number, tenant = 'acme'): Promise<void> {
  await query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
     select $1::text || nth, 'test.webhooks', $2::text || '/' || $3::text, 'test.happened', jsonb_build_object('tenant', $2::text)
       from generate_series(1, $4::integer) as nth order by nth`,
    [`${nanoid()}-`, tenant, key, count],
  );
  while ((await relayBatch(database.pool)) > 0);
}
const queueAll = async () => {
  while ((await queueBatch(database.pool)).events > 0);
};
const claim = (db: Pool | PoolClient, perWebhook = 10) =>
  claimDeliveries(db, 'w', { inFlight: [], perWebhook, places: 50, limit: 50 });

/** How many rows of deliveries a claim reads, and what it claims. Nothing of it is kept. */
async function claimed(): Promise<{ read: number; tenants: string[] }> {
  const tx = await database.pool.connect();
  try {
    await tx.query('begin');
    const tuples = `
      select sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))::int as n
        from (select 'postdate.webhook_delivery'::regclass::oid as oid
              union all select indexrelid from pg_index where indrelid = 'postdate.webhook_delivery'::regclass) as relations`;
    const before = (await tx.query(tuples)).rows[0].n;
    const tenants = (await claim(tx)).map(({ tenant }) => tenant);
    return { read: (await tx.query(tuples)).rows[0].n - before, tenants };
  } finally {
    await tx.query('rollback');
    tx.release();
  }
}

describe('thousands of events of one entity', () => {
  const MANY = 5_000;

  it.each([
    ['while the first of them can be sent', '-1 second', ['acme', 'globex']],
    ['while the first of them is tried again later', '1 hour', ['globex']],
  ])('are not read by a claim %s; if none were marked, they would be (the control)', async (_, until, tenants) => {
    const { id } = await add('http://127.0.0.1:9/', { tenant: '*' });
    await emit('one', MANY);
    await emit('other', 1, 'globex');
    await queueAll();
    await query('vacuum analyze postdate.webhook_delivery');
    await query(
      `update postdate.webhook_delivery set next_try_at = now() + $2::interval
        where (webhook_id, position) = (select webhook_id, min(position) from postdate.webhook_delivery
                                          where webhook_id = $1 group by webhook_id)`,
      [id, until],
    );
    const { read, ...found } = await claimed();
    expect({ ...found, tenants: found.tenants.sort() }).toEqual({ tenants });
    expect(read).toBeLessThan(100);
    // As a worker of the release before queues them.
    await query('update postdate.webhook_delivery set behind = false');
    expect((await claimed()).read).toBeGreaterThan(MANY);
  });

  it.each([
    ['one by one', 1],
    ['many at once', 500],
  ])(
    'that are queued %s are marked, and so are those sent again and those of a webhook that was disabled',
    async (_, limit) => {
      const { id } = await add('http://127.0.0.1:9/');
      const free = async () => {
        const { rows } = await query(
          `select count(*)::int as waiting, count(*) filter (where not behind)::int as free
           from postdate.webhook_delivery where webhook_id = $1 and next_try_at is not null`,
          [id],
        );
        return rows[0];
      };
      await emit('one', 20);
      while ((await queueBatch(database.pool, limit)).events > 0);
      expect(await free()).toEqual({ waiting: 20, free: 1 });
      await disableWebhook(database.pool, id, 'test');
      await emit('one', 20);
      await queueAll();
      await enableWebhook(database.pool, id);
      expect(await free()).toEqual({ waiting: 40, free: 2 });
      await query(`update postdate.webhook_delivery set next_try_at = null, outcome = 'failed', ended_at = now()`);
      await replayDeliveries(database.pool, id, { failed: true });
      expect(await free()).toEqual({ waiting: 40, free: 1 });
    },
  );
});

describe('whatever happens at the same time', () => {
  /** Sends all that can be sent, and sees that each was the first of its entity. */
  async function drain(end: (delivery: ClaimedDelivery) => Promise<unknown>): Promise<void> {
    for (;;) {
      await query(
        'update postdate.webhook_delivery set next_try_at = now() where claimed_by is null and next_try_at > now()',
      );
      const mine = await claim(database.pool);
      if (mine.length === 0) return;
      await Promise.all(mine.map(end));
    }
  }
  const left = async () =>
    (
      await query(
        'select position, behind from postdate.webhook_delivery where next_try_at is not null order by position',
      )
    ).rows;
  const deliver = (delivery: ClaimedDelivery) => recordDelivered(database.pool, 'w', delivery, 204);

  it('no delivery stays behind one that has ended', async () => {
    const { id } = await add('http://127.0.0.1:9/');
    for (let round = 0; round < 40; round += 1) {
      const entities = ['a', 'b', 'c'];
      await emit(entities[round % 3] as string, 1 + (round % 4));
      const mine = await claim(database.pool);
      const last = Number((await query('select position from postdate.stream_head')).rows[0].position);
      await Promise.all([
        queueBatch(database.pool),
        ...mine.map((delivery, place) =>
          place % 3 === 1
            ? recordFailure(database.pool, 'w', delivery, { words: 'no', final: place % 2 === 1 })
            : deliver(delivery),
        ),
        round % 10 === 9 ? replayDeliveries(database.pool, id, { from: Math.max(0, last - 6) }) : undefined,
        round % 10 === 4
          ? query(
              `delete from postdate.webhook_delivery where (webhook_id, position, replay) in (
                 select webhook_id, position, replay from postdate.webhook_delivery
                  where next_try_at is not null and claimed_by is null order by position limit 2 for update skip locked)`,
            )
          : undefined,
      ]);
    }
    await queueAll();
    await drain(deliver);
    expect(await left()).toEqual([]);
  });

  it('nor behind one that ends while it is queued', async () => {
    await add('http://127.0.0.1:9/');
    await emit('one', 1);
    await queueAll();
    const [first] = await claim(database.pool);
    await emit('one', 1);
    // The first ends, and this is committed after the second is queued.
    await inTransaction(database.pool, async (tx) => {
      await recordDelivered(tx, 'w', first as ClaimedDelivery, 204);
      await queueAll();
    });
    expect(await claim(database.pool)).toHaveLength(1);
  });

  it('and one that was marked by hand is freed by the next repair', async () => {
    await add('http://127.0.0.1:9/');
    await emit('one', 2);
    await queueAll();
    await query('update postdate.webhook_delivery set behind = true');
    expect(await claim(database.pool)).toEqual([]);
    await freeFirstDeliveries(database.pool);
    expect(await claim(database.pool)).toHaveLength(1);
    expect(await left()).toMatchObject([{ behind: false }, { behind: true }]);
  });
});
