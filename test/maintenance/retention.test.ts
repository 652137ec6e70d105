import { nanoid } from 'nanoid';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { pruneComparisons } from '../../src/delivery/lanes/shadow/comparisons';
import { sealNextDay, verifyDays } from '../../src/delivery/ledger/seals';
import {
  pruneCommands,
  pruneLaneFailures,
  pruneLedger,
  pruneOutbox,
  pruneWebhookDeliveries,
} from '../../src/maintenance/prune';
import { startRetention } from '../../src/maintenance/retention';
import { runAudit } from '../../src/operating/audit/audit';
import { errorContextOf } from '../../src/platform/telemetry/error-context';
import type { Topic } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { failed, setLane } from '../support/lane-figures';

const database = useDatabase(paymentsSchema);
const topic = paymentRequestExpiry;
const query = (text: string, values: unknown[] = []) => database.pool.query(text, values);
beforeEach(() =>
  query(
    'truncate postdate.delivery, postdate.outbox, postdate.command, postdate.consumer, postdate.retention, postdate.ledger_day, postdate.idempotency, payments.payment_request',
  ),
);

async function decided(key: string, daysAgo: number, { cycle = 1, next }: { cycle?: number; next?: number } = {}) {
  await query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, decided_at, late, next_cycle, next_due_at)
     values ($1, 'acme', $2, $3, 'delivered', now() - make_interval(days => $4), now() - make_interval(days => $4), false,
             $5, case when $5::int is null then null else now() end)`,
    [topic.name, key, cycle, daysAgo, next ?? null],
  );
}
const event = (id: string, daysAgo: number, position: number | null) =>
  query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload, position, appended_at, relayed_at)
     values ($1, $2, 'acme/x', 't', jsonb_build_object('time', now()), $3::bigint, now() - make_interval(days => $4),
             case when $3::bigint is null then null else now() - make_interval(days => $4) end)`,
    [id, topic.name, position, daysAgo],
  );
const row = (id: string, daysAgo: number, status: string) =>
  query(
    `insert into payments.payment_request (tenant, id, payer, payee, amount, currency, status, due_at, closed_at)
     values ('acme', $1, 'Doe', 'John', 1, 'EUR', $2, now() - make_interval(days => $3),
             case when $2 = 'PENDING' then null else now() - make_interval(days => $3) end)`,
    [id, status, daysAgo],
  );
const keys = async () =>
  (await query('select key from postdate.delivery order by key, cycle')).rows.map(({ key }) => key);
const ids = async () => (await query('select id from postdate.outbox order by id')).rows.map(({ id }) => id);

it('old events go when they are in the stream and every consumer has passed them, and no others', async () => {
  await event('old', 40, 1);
  await event('unread', 40, 2);
  await event('young', 10, 3);
  await event('unrelayed', 40, null);
  await query(`insert into postdate.consumer (name, position) values ('fast', 3), ('slow', 1)`);
  expect(await pruneOutbox(database.pool, 30)).toBe(1);
  expect(await ids()).toEqual(['unread', 'unrelayed', 'young']);
});

it('what a lane failed at goes by age, and who has changed the lane stays for ever', async () => {
  const of = { topic: topic.name, lane: 'canary' };
  await setLane(database.pool, of, {});
  await query(`update postdate.lane_change set changed_at = now() - interval '4000 days'`);
  await failed(database.pool, of, 2, { secondsAgo: 31 * 86_400 });
  await failed(database.pool, of, 3, { secondsAgo: 29 * 86_400 });
  expect(await pruneLaneFailures(database.pool, 30)).toBe(2);
  expect(await pruneLaneFailures(database.pool, 30)).toBe(0);
  const { rows } = await query(`select (select count(*)::int from postdate.lane_failure) as failures,
                                       (select count(*)::int from postdate.lane_change) as changes`);
  expect(rows).toEqual([{ failures: 3, changes: 1 }]);
});

it('commands go when they were dispatched long ago, and never while they wait', async () => {
  const command = (id: string, daysAgo: number, dispatched: boolean) =>
    query(
      `insert into postdate.command (topic, tenant, key, command_id, what, body, posted_at, dispatched_at, answer)
       values ($1, 'acme', $2, 'c', 'cancel', '{}', now() - make_interval(days => $3),
               case when $4 then now() - make_interval(days => $3) end, case when $4 then '{}'::jsonb end)`,
      [topic.name, id, daysAgo, dispatched],
    );
  await command('old', 40, true);
  await command('young', 20, true);
  await command('waits', 40, false);
  expect(await pruneCommands(database.pool, 30)).toBe(1);
  expect((await query('select key from postdate.command order by key')).rows).toEqual([
    { key: 'waits' },
    { key: 'young' },
  ]);
});

it('the log of what webhooks were sent goes when it is old, and never what waits', async () => {
  await query(
    `insert into postdate.webhook (id, url, tenant, after_position) values ('wh_1', 'https://shop.example', 'acme', 0)`,
  );
  const delivery = (id: string, daysAgo: number, outcome: string | null) =>
    query(
      `insert into postdate.webhook_delivery
         (webhook_id, position, event_id, entity, queued_at, next_try_at, ended_at, outcome)
       select 'wh_1', $2, $1, 'e', at, case when $3::text is null then at end, case when $3 is not null then at end, $3
         from (select now() - make_interval(days => $2) as at) as day`,
      [id, daysAgo, outcome],
    );
  await delivery('delivered', 40, 'delivered');
  await delivery('failed', 41, 'failed');
  await delivery('young', 20, 'failed');
  await delivery('waits', 42, null);
  expect(await pruneWebhookDeliveries(database.pool, 30)).toBe(2);
  const { rows } = await query('select event_id from postdate.webhook_delivery order by event_id');
  expect(rows).toEqual([{ event_id: 'waits' }, { event_id: 'young' }]);
});

it('what shadows were compared in goes when it is old, and no sooner', async () => {
  for (const [key, daysAgo] of [
    ['old', 31],
    ['young', 29],
  ]) {
    await query(
      `insert into postdate.shadow_comparison (topic, lane, tenant, key, cycle, compared_at, different, kinds, rows_compared)
       values ($1, 'v2', 'acme', $2, 1, now() - make_interval(days => $3), false, '{}', true)`,
      [topic.name, key, daysAgo],
    );
  }
  expect(await pruneComparisons(database.pool, 30, 100)).toBe(1);
  expect((await query('select key from postdate.shadow_comparison')).rows).toEqual([{ key: 'young' }]);
});

it('decisions go with their whole message, when it was finished long ago and no row waits for it', async () => {
  await decided('finished', 100, { next: 2 });
  await decided('finished', 95, { cycle: 2 });
  await decided('goes-on', 100, { next: 2 });
  await decided('came-again', 100);
  await decided('came-again', 10, { cycle: 2 });
  await decided('young', 10);
  await decided('waits', 100);
  await row('waits', 100, 'PENDING');
  expect(await pruneLedger(database.pool, topic, 90)).toBe(2);
  expect(await keys()).toEqual(['came-again', 'came-again', 'goes-on', 'waits', 'young']);
});

it('a topic whose rows cannot be asked keeps neither events nor decisions of others from going', async () => {
  await event('old', 40, 1);
  await decided('finished', 100);
  const broken: Topic = { ...topic, name: 'test.broken', businessRows: 'select nothing from nowhere' };
  const errors: unknown[] = [];
  const days = { outboxDays: 30, ledgerDays: 90, commandDays: 30, webhookDays: 30 };
  const retention = startRetention(
    { pool: database.pool, onError: (error) => void errors.push(errorContextOf(error)) },
    [broken, topic],
    days,
  );
  await eventually(async () => expect([await ids(), await keys()]).toEqual([[], []]));
  await retention.stop();
  expect(errors).toEqual([{ topic: 'test.broken' }]);
});

it('with the decisions on a message goes what was asked about it under Idempotency-Keys, unless it is young', async () => {
  await decided('finished', 100);
  await decided('young', 10);
  const asked = (name: string, key: string, daysAgo: number) =>
    query(
      `insert into postdate.idempotency (key_tenant, idempotency_key, request_sha256, topic, tenant, key, recorded_at)
       values ('acme', $1, '', $2, 'acme', $3, now() - make_interval(days => $4))`,
      [name, topic.name, key, daysAgo],
    );
  await asked('posted', 'finished', 101);
  await asked('asked lately', 'finished', 1);
  await asked('of a young one', 'young', 101);
  await asked('of one that waits', 'waiting', 101);
  expect(await pruneLedger(database.pool, topic, 90)).toBe(1);
  const { rows } = await query('select idempotency_key as name from postdate.idempotency order by 1');
  expect(rows.map(({ name }) => name)).toEqual(['asked lately', 'of a young one', 'of one that waits']);
});

it('what was removed for its age is neither missing nor a broken seal; what else is removed still is', async () => {
  const [old, young] = [nanoid(), nanoid()];
  for (const [id, daysAgo] of [
    [old, 100],
    [young, 20],
  ] as const) {
    await row(id, daysAgo, 'EXPIRED');
    await decided(id, daysAgo);
  }
  while (await sealNextDay(database.pool));
  await query(`update postdate.retention set before = now()`);
  expect(await pruneLedger(database.pool, topic, 90)).toBe(1);
  await query(`insert into postdate.retention values ('outbox', now())`);
  expect(await runAudit(database.pool, [topic])).toMatchObject({ sound: true });
  expect(await verifyDays(database.pool)).toMatchObject({ broken: [], removed: expect.any(Number) });
  expect((await verifyDays(database.pool)).removed).toBeGreaterThan(5);

  await query('delete from postdate.delivery where key = $1', [young]);
  expect((await runAudit(database.pool, [topic])).differences).toMatchObject([{ kind: 'effectWithoutDecision' }]);
  expect((await verifyDays(database.pool)).broken).toHaveLength(1);
});
