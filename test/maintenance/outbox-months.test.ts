import { nanoid } from 'nanoid';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { LOCK_TIMEOUT_MS } from '../../src/delivery/landing/claims';
import { sealNextDay, verifyDays } from '../../src/delivery/ledger/seals';
import { appendEvent } from '../../src/events/outbox';
import { RELAY, relayBatch } from '../../src/events/relay';
import { readStream, withinMemory } from '../../src/events/stream';
import { addMonths, dropMonth, dropPastMonths } from '../../src/maintenance/outbox-months';
import { pruneOutbox } from '../../src/maintenance/prune';
import { startRetention } from '../../src/maintenance/retention';
import { runAudit } from '../../src/operating/audit/audit';
import { checkMonths } from '../../src/operating/doctor/outbox-months';
import { inTransaction } from '../../src/platform/database/pool';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';

const database = useDatabase(paymentsSchema);
const query = (text: string, values: unknown[] = []) => database.pool.query(text, values);
const topic = paymentRequestExpiry.name;

const monthAt = (ahead: number) =>
  `(date_trunc('month', clock_timestamp() at time zone 'UTC') + interval '${ahead} months')`;
const nameOf = async (ahead: number): Promise<string> =>
  (await query(`select 'outbox_' || to_char(${monthAt(ahead)}, 'YYYY_MM') as name`)).rows[0].name;
const addMonth = (ahead: number) => query(`select postdate.add_outbox_month(${monthAt(ahead)}::date)`);
const tables = async (): Promise<string[]> =>
  (
    await query(
      `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'postdate.outbox'::regclass`,
    )
  ).rows.map(({ name }) => name.replace('postdate.', ''));

const idOf = (key: string) => `${topic}:acme:${key}:1:${topic}.due`;
/** An event of a month, in the stream for 70 days unless it says otherwise. */
const event = (
  key: string,
  month: number,
  { position, relayedDaysAgo = 70 }: { position: number; relayedDaysAgo?: number },
) =>
  query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload, appended_at, position, relayed_at)
     values ($1, $2, 'acme/' || $3, $2 || '.due', jsonb_build_object('time', now()),
             ${monthAt(month)} at time zone 'UTC' + interval '1 day', $4, now() - make_interval(days => $5))`,
    [idOf(key), topic, key, position, relayedDaysAgo],
  );
const keys = async () =>
  (await query(`select aggregateid from postdate.outbox order by 1`)).rows.map((row) => row.aggregateid.split('/')[1]);

beforeEach(async () => {
  await query(`truncate postdate.outbox, postdate.consumer, postdate.webhook, postdate.set_aside, postdate.answer,
    postdate.delivery, postdate.ledger_day, postdate.retention, payments.payment_request cascade`);
  await query('update postdate.stream_head set position = 1000');
  for (const month of [-3, -2, 0]) await addMonth(month);
});

it('a month goes when all of its events are old and needed by nothing, and no other month with it', async () => {
  await event('old', -3, { position: 1 });
  await event('young', -2, { position: 2, relayedDaysAgo: 10 });
  await event('now', 0, { position: 3, relayedDaysAgo: 40 });
  const past = await nameOf(-3);
  expect(await tables()).toContain(past);
  expect(await dropPastMonths(database.pool, 30)).toEqual([past]);
  expect(await tables()).not.toContain(past);
  expect(await keys()).toEqual(['now', 'young']);
});

const KEPT: { why: string; needs(): Promise<unknown>; ends(): Promise<unknown> }[] = [
  {
    why: 'it is not in the stream',
    needs: () => query('update postdate.outbox set position = null where id = $1', [idOf('kept')]),
    ends: () => query('update postdate.outbox set position = 2 where position is null'),
  },
  {
    why: 'it is too young',
    needs: () => query('update postdate.outbox set relayed_at = now() where position = 2'),
    ends: () => query(`update postdate.outbox set relayed_at = now() - interval '40 days'`),
  },
  {
    why: 'a consumer has still to read it',
    needs: () => query(`insert into postdate.consumer (name, position) values ('fast', 9), ('slow', 1)`),
    ends: () => query('update postdate.consumer set position = 2 where position = 1'),
  },
  {
    why: 'a webhook has still to be sent it',
    needs: () =>
      query(`
        with hook as (insert into postdate.webhook (id, url, tenant, after_position) values ('w', 'https://a.example', '*', 0))
        insert into postdate.webhook_delivery (webhook_id, position, event_id, entity) values ('w', 2, 'e', 'x')`),
    ends: () =>
      query(`update postdate.webhook_delivery set next_try_at = null, ended_at = now(), outcome = 'delivered'`),
  },
  {
    why: 'it is set aside',
    needs: () =>
      query(`
        with reader as (insert into postdate.consumer (name, position) values ('nats', 9))
        insert into postdate.set_aside (consumer, position, event_id, entity, reason) values ('nats', 2, 'e', 'x', 'too large')`),
    ends: () => query(`update postdate.set_aside set ended_at = now(), outcome = 'sent'`),
  },
  {
    why: 'its message waits for an answer',
    needs: () =>
      query(
        `insert into postdate.answer (topic, tenant, key, cycle, expected_by) values ($1, 'acme', 'kept', 1, now())`,
        [topic],
      ),
    ends: () => query(`update postdate.answer set answer = 'done', answered_at = now()`),
  },
];

it.each(KEPT)(
  'a month stays for one event because $why, without its other events, and goes after that',
  async (one) => {
    await event('other', -3, { position: 1 });
    await event('kept', -3, { position: 2 });
    await one.needs();
    expect(await dropPastMonths(database.pool, 30)).not.toContain(await nameOf(-3));
    expect(await keys()).toEqual(['kept', 'other']);
    expect(await pruneOutbox(database.pool, 30)).toBe(1);
    expect(await keys()).toEqual(['kept']);
    expect(await checkMonths(database.pool)).toMatchObject({
      status: 'warn',
      says: `${await nameOf(-3)} is kept for an event: ${one.why}`,
    });
    await one.ends();
    expect(await dropPastMonths(database.pool, 30)).toEqual([await nameOf(-3)]);
    expect(await keys()).toEqual([]);
    expect(await checkMonths(database.pool)).toMatchObject({ status: 'ok' });
  },
);

it('a month that will be dropped is not removed row by row before, and one that is not past is not at all', async () => {
  await event('old', -3, { position: 1 });
  await event('in a month that goes on', 0, { position: 2 });
  expect(await pruneOutbox(database.pool, 30)).toBe(0);
  expect(await dropPastMonths(database.pool, 30)).toContain(await nameOf(-3));
  expect(await keys()).toEqual(['in a month that goes on']);
});

it('a month to which a reader comes back at the last moment stays; one without it goes (the control)', async () => {
  await event('read again', -3, { position: 2 });
  const [name, other] = [await nameOf(-3), await nameOf(-2)];
  await query(`insert into postdate.consumer (name, position) values ('replayed', 1)`);
  expect(await dropMonth(database.pool, { name, table: `postdate.${name}` }, 30)).toBe(false);
  expect(await dropMonth(database.pool, { name: other, table: `postdate.${other}` }, 30)).toBe(true);
  expect(await keys()).toEqual(['read again']);
});

it('two workers drop a month once, and neither fails', async () => {
  await event('old', -3, { position: 1 });
  await query(`select postdate.drop_outbox_month($1)`, [await nameOf(-2)]);
  const dropped = await Promise.all([1, 2, 3].map(() => dropPastMonths(database.pool, 30)));
  expect(dropped.flat()).toEqual([await nameOf(-3)]);
});

it('no landing waits for longer than it waits for any lock while a month cannot be dropped', async () => {
  await event('old', -3, { position: 1 });
  const stranger = await database.pool.connect();
  try {
    await stranger.query('begin; select from postdate.outbox limit 1');
    let tried = false;
    const dropping = dropPastMonths(database.pool, 30).finally(() => {
      tried = true;
    });
    let landed = 0;
    while (!tried) {
      const origin = { topic, tenant: 'acme', key: nanoid(), cycle: 1 };
      const land = inTransaction(database.pool, (tx) => appendEvent(tx, origin, 'test.landed', {}), {
        lockTimeoutMs: LOCK_TIMEOUT_MS,
      });
      await land;
      landed += 1;
    }
    expect(await dropping).toEqual([]);
    expect(await tables()).toContain(await nameOf(-3));
    expect(landed).toBeGreaterThan(0);
  } finally {
    await stranger.query('rollback');
    stranger.release();
  }
  expect(await dropPastMonths(database.pool, 30)).toContain(await nameOf(-3));
});

describe('an event of a month that is not there', () => {
  const stray = () =>
    query(
      `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload, appended_at)
       select 'stray', $1, 'acme/stray', 'test.happened', payload || '{"subject": "acme/stray"}', ${monthAt(1)} + interval '1 day'
         from postdate.outbox where position is null limit 1`,
      [topic],
    );
  const emit = () =>
    appendEvent(database.pool, { topic, tenant: 'acme', key: nanoid(), cycle: 1 }, 'test.happened', {});

  it('is written, relayed, read and removed like any other, and doctor tells of it', async () => {
    await emit();
    await query(`select postdate.drop_outbox_month($1)`, [await nameOf(1)]);
    await stray();
    expect(await relayBatch(database.pool)).toBe(2);
    const subjects = (await readStream(database.pool, 1000, 10)).map((one) => one.event.subject);
    expect(subjects).toContain('acme/stray');
    // Its month cannot be made while the event is there, and that is no error.
    await addMonths(database.pool);
    expect(await tables()).not.toContain(await nameOf(1));
    const found = await checkMonths(database.pool);
    expect(found).toMatchObject({ status: 'warn', says: '1 events are in no month, the next month has no table' });
    expect(found.todo).toBeTruthy();
    await query(`update postdate.outbox set relayed_at = now() - interval '40 days' where id = 'stray'`);
    expect(await pruneOutbox(database.pool, 30)).toBe(1);
    await addMonths(database.pool);
    expect(await tables()).toContain(await nameOf(1));
    expect(await checkMonths(database.pool)).toMatchObject({ status: 'ok' });
  });

  it('is told of by no doctor where the month is there (the control)', async () => {
    await emit();
    await addMonths(database.pool);
    await stray();
    expect(await checkMonths(database.pool)).toMatchObject({ status: 'ok' });
  });
});

it('retention makes the coming months and drops the past ones, and goes on removing the rest when it cannot', async () => {
  await event('old', -3, { position: 1 });
  await query(`select postdate.drop_outbox_month($1)`, [await nameOf(2)]);
  const errors: unknown[] = [];
  const kept = { outboxDays: 30, commandDays: 30, webhookDays: 30 };
  const run = async (done: () => Promise<void>) => {
    await query('truncate postdate.turn');
    const retention = startRetention({ pool: database.pool, onError: (error) => void errors.push(error) }, [], kept);
    await eventually(done);
    await retention.stop();
  };
  await run(async () => {
    const now = await tables();
    expect(now).toContain(await nameOf(2));
    expect(now).not.toContain(await nameOf(-3));
  });
  expect(errors).toEqual([]);
  await query('alter function postdate.add_outbox_month rename to mislaid');
  await query(`insert into postdate.retention values ('outbox', now() - interval '90 days')
               on conflict (what) do update set before = excluded.before`);
  await run(async () => expect(errors).toHaveLength(1));
  await query('alter function postdate.mislaid rename to add_outbox_month');
  const { rows } = await query(`select before > now() - interval '31 days' as recorded from postdate.retention`);
  expect(rows).toEqual([{ recorded: true }]);
});

it('what went with its month is neither missing in the audit nor a broken seal; what else is removed still is', async () => {
  const told = 'payment-request.expired';
  await query(
    `insert into payments.payment_request (tenant, id, payer, payee, amount, currency, status, due_at, closed_at)
     values ('acme', 'old', 'Doe', 'John', 1, 'EUR', 'EXPIRED', now() - interval '70 days', now() - interval '70 days')`,
  );
  await query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, decided_at, late)
     values ($1, 'acme', 'old', 1, 'delivered', now() - interval '70 days', now() - interval '70 days', false)`,
    [topic],
  );
  await event('old', -3, { position: 1 });
  await query(`update postdate.outbox set type = '${told}', payload = payload || '{"tenant": "acme", "cycle": 1}'`);
  while (await sealNextDay(database.pool));
  const audit = async () => (await runAudit(database.pool, [paymentRequestExpiry])).differences;
  expect(await audit()).toEqual([]);
  expect(await dropPastMonths(database.pool, 30)).toContain(await nameOf(-3));
  expect(await audit()).toEqual([]);
  expect(await verifyDays(database.pool)).toMatchObject({ broken: [], removed: 0 });
  await query('delete from postdate.retention');
  expect(await audit()).toMatchObject([{ kind: 'effectWithoutEvent' }]);
  await query('delete from postdate.delivery');
  expect((await verifyDays(database.pool)).broken).toHaveLength(1);
});

describe('where the months are large', () => {
  interface Node {
    'Node Type': string;
    'Relation Name'?: string;
    'Index Name'?: string;
    'Actual Loops': number;
    Plans?: Node[];
  }
  const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
  /** What a statement read of each table of the outbox: how, and how often. It is undone. */
  async function readOf(statement: string, values: unknown[]): Promise<Node[]> {
    const tx = await database.pool.connect();
    try {
      await tx.query('begin');
      const { rows } = await tx.query(`explain (analyze, format json) ${statement}`, values);
      const nodes = nodesOf(rows[0]['QUERY PLAN'][0].Plan as Node);
      return nodes.filter((node) => node['Node Type'].includes('Scan') && node['Actual Loops'] > 0);
    } finally {
      await tx.query('rollback');
      tx.release();
    }
  }
  const scansOf = (nodes: Node[], table: string) => nodes.filter((node) => node['Relation Name'] === table);
  const fill = (month: number, from: number, count: number) =>
    query(
      `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload, appended_at, position, relayed_at)
       select gen_random_uuid(), 'test', 'acme/x', 'test', jsonb_build_object('text', repeat('x', 200)),
              ${monthAt(month)} at time zone 'UTC' + interval '1 day', $1 + n, now() - interval '60 days'
         from generate_series(1, $2::integer) as n`,
      [from, count],
    );
  const past = [-3, -2];

  beforeEach(async () => {
    await fill(-3, 0, 5_000);
    await fill(-2, 5_000, 5_000);
    await fill(0, 10_000, 5_000);
    await query('update postdate.stream_head set position = 15000');
    await query(
      `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
       select 'waiting-' || n, 'test', 'acme/x', 'test', '{}' from generate_series(1, 300) as n`,
    );
    await query('vacuum analyze postdate.outbox');
  });

  it('the relay looks once into each past month, by the index of what waits, however many events it relays', async () => {
    const read = await readOf(RELAY, [300]);
    for (const month of past) {
      const scans = scansOf(read, await nameOf(month));
      expect(scans.length).toBeGreaterThan(0);
      for (const scan of scans) {
        expect(scan).toMatchObject({ 'Index Name': `${await nameOf(month)}_seq_idx`, 'Actual Loops': 1 });
      }
    }
    expect(await relayBatch(database.pool)).toBe(300);
  });

  it('a reader looks once into each past month, by the index of positions', async () => {
    const next = `select position, id, payload from postdate.outbox
                   where position > $1 and position <= (select position from postdate.stream_head)
                   order by position limit $2`;
    const read = await readOf(`${withinMemory(next)} order by position`, [14_800, 500]);
    for (const month of past) {
      const scans = scansOf(read, await nameOf(month));
      expect(scans).toMatchObject([{ 'Index Name': `${await nameOf(month)}_position_idx`, 'Actual Loops': 1 }]);
    }
  });

  it('an event is written without a look into a past month', async () => {
    const insert = `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload) values ($1, '', '', '', '{}')`;
    const locked = await inTransaction(database.pool, async (tx) => {
      await tx.query(insert, [nanoid()]);
      const { rows } = await tx.query<{ name: string }>(
        `select relname as name from pg_locks join pg_class on pg_class.oid = relation
          where pid = pg_backend_pid() and relkind in ('r', 'p') and relname like 'outbox%' order by 1`,
      );
      return rows.map(({ name }) => name);
    });
    expect(locked).toEqual(['outbox', await nameOf(0)]);
  });
});
