import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import type { Pool, PoolClient } from 'pg';
import { createDatabase, dropDatabase, withClient } from '../../../local/databases';
import { startPostgres } from '../../../local/postgres';
import { appendEvent } from '../../../src/events/outbox';
import { relayBatch } from '../../../src/events/relay';
import { readStream } from '../../../src/events/stream';
import { dropPastMonths } from '../../../src/maintenance/outbox-months';
import { pruneOutbox } from '../../../src/maintenance/prune';
import { migrate, postdateSchema, type SchemaMigrations } from '../../../src/platform/database/migrate';
import { createPool } from '../../../src/platform/database/pool';

const former: SchemaMigrations = {
  schema: 'postdate',
  migrations: Object.fromEntries(Object.entries(postdateSchema.migrations).filter(([name]) => name < '0041')),
};

/** The statements of the release before, whose workers run on beside the new ones. */
const FORMER_RELAY = `
  with batch as (
    select id, row_number() over (order by seq) as place
      from (select id, seq from postdate.outbox where position is null order by seq limit 500) as waiting
  ), moved_head as (
    update postdate.stream_head set position = position + (select count(*) from batch)
    returning position - (select count(*) from batch) as before
  )
  update postdate.outbox
     set position = moved_head.before + batch.place, relayed_at = clock_timestamp()
    from batch, moved_head
   where outbox.id = batch.id`;
const FORMER_PRUNE = `
  delete from postdate.outbox where id in (
    select id from postdate.outbox
     where position is not null and relayed_at < clock_timestamp() - interval '30 days'
       and position <= all (select position from postdate.consumer where position is not null)
       and not exists (select 1 from postdate.set_aside join postdate.consumer on consumer.name = set_aside.consumer
                        where set_aside.position = outbox.position and ended_at is null)
     limit 1000)`;

const server = process.env.POSTDATE_TEST_DATABASE_URL as string;
const named = () => `postdate_test_${nanoid(12).toLowerCase().replaceAll('-', '_')}`;
/** A database as the release before has left it, of which each test takes a copy. */
const template = named();
beforeAll(async () => {
  const pool = createPool(await createDatabase(server, template), { connections: 2, onError: () => undefined });
  await migrate(pool, former);
  await pool.end();
});
afterAll(() => dropDatabase(server, template));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Installation {
  pool: Pool;
  /** What PostgreSQL has said beside its answers. */
  notices: string[];
}

/** A database as the release before has left it. */
async function formerInstallation(): Promise<Installation> {
  const name = named();
  const url = new URL(await createDatabase(server, name, { template }));
  ends.push(() => dropDatabase(server, name));
  url.searchParams.set('options', '-c client_min_messages=debug1');
  const pool = createPool(url.href, { connections: 4, onError: () => undefined });
  ends.push(() => pool.end());
  const notices: string[] = [];
  pool.on('connect', (client) => client.on('notice', ({ message }) => void notices.push(message ?? '')));
  return { pool, notices };
}

const origin = (key: string, cycle = 1) => ({ topic: 'orders', tenant: 'acme', key, cycle });
const emit = (db: Pool | PoolClient, key: string) =>
  appendEvent(db as PoolClient, origin(key), 'test.happened', { key });
const relayed = (pool: Pool) => pool.query(FORMER_RELAY);
const inTable = async (pool: Pool, key: string) =>
  (
    await pool.query('select tableoid::regclass::text as name from postdate.outbox where aggregateid = $1', [
      `acme/${key}`,
    ])
  ).rows[0]?.name;
const thisMonth = async (pool: Pool): Promise<string> =>
  (await pool.query(`select 'postdate.outbox_' || to_char(clock_timestamp() at time zone 'UTC', 'YYYY_MM') as name`))
    .rows[0].name;

/** Events in each state that the release before has: old, read, set aside, to be sent, awaited, and not in the stream. */
async function fill(pool: Pool): Promise<void> {
  for (const key of ['old', 'aside', 'to-send', 'awaited', 'read']) await emit(pool, key);
  await relayed(pool);
  await emit(pool, 'waiting');
  await pool.query(`
    update postdate.outbox set relayed_at = now() - interval '40 days' where position <= 4;
    update postdate.outbox set id = 'orders:acme:awaited:1:orders.due' where aggregateid = 'acme/awaited';
    insert into postdate.consumer (name, position) values ('nats', 5);
    insert into postdate.set_aside (consumer, position, event_id, entity, reason)
      select 'nats', position, id, 'orders acme/aside', 'too large' from postdate.outbox where aggregateid = 'acme/aside';
    insert into postdate.webhook (id, url, tenant, after_position) values ('w', 'https://a.example', '*', 0);
    insert into postdate.webhook_delivery (webhook_id, position, event_id, entity)
      select 'w', position, id, 'orders acme/to-send' from postdate.outbox where aggregateid = 'acme/to-send';
    insert into postdate.answer (topic, tenant, key, cycle, expected_by) values ('orders', 'acme', 'awaited', 1, now())`);
}
const ALL = `select id, aggregatetype, aggregateid, type, payload, seq, position, relayed_at from postdate.outbox order by seq`;
const file = async (pool: Pool, table: string) =>
  (await pool.query(`select pg_relation_filenode('${table}') as file`)).rows[0].file;

it('each event of before is as it was, in the file that it was in, which nothing has read under a lock', async () => {
  const { pool, notices } = await formerInstallation();
  await fill(pool);
  const [rows, before] = [(await pool.query(ALL)).rows, await file(pool, 'postdate.outbox')];
  expect(rows).toHaveLength(6);
  await migrate(pool, postdateSchema);
  expect((await pool.query(ALL)).rows).toEqual(rows);
  expect(await file(pool, 'postdate.outbox_before_months')).toBe(before);
  expect(await inTable(pool, 'waiting')).toBe('postdate.outbox_before_months');
  const proven = 'partition constraint for table "outbox_before_months" is implied by existing constraints';
  expect(notices).toContain(proven);

  await emit(pool, 'new');
  expect(await inTable(pool, 'new')).toBe(await thisMonth(pool));
  const { rows: last } = await pool.query('select aggregateid from postdate.outbox order by seq desc limit 1');
  expect(last).toEqual([{ aggregateid: 'acme/new' }]);
});

it('a worker of the release before goes on: it writes by its prepared statement, relays, reads, tells and removes', async () => {
  const { pool } = await formerInstallation();
  await fill(pool);
  const worker = await pool.connect();
  try {
    await emit(worker, 'first');
    await migrate(pool, postdateSchema);
    await emit(worker, 'second');
    await worker.query(`select postdate.ask_for_hint('events', 10000); listen postdate_events`);
    const told = new Promise((resolve) => worker.once('notification', ({ channel }) => resolve(channel)));
    await emit(pool, 'third');
    expect(await told).toBe('postdate_events');
  } finally {
    worker.release(true);
  }
  await relayed(pool);
  const read = async () => (await readStream(pool, 5, 10)).map(({ event }) => event.data.key);
  expect(await read()).toEqual(['waiting', 'first', 'second', 'third']);
  await emit(pool, 'fourth');
  expect(await relayBatch(pool)).toBe(1);
  expect(await read()).toEqual(['waiting', 'first', 'second', 'third', 'fourth']);

  await pool.query(
    `update postdate.consumer set position = 100; delete from postdate.webhook; delete from postdate.answer`,
  );
  expect((await pool.query(FORMER_PRUNE)).rowCount).toBe(3);
  expect(await inTable(pool, 'aside')).toBe('postdate.outbox_before_months');
});

it('of the events of before the oldest go one by one, and all with their table once nothing keeps any', async () => {
  const { pool } = await formerInstallation();
  await fill(pool);
  await migrate(pool, postdateSchema);
  expect(await pruneOutbox(pool, 30)).toBe(1);
  expect(await inTable(pool, 'old')).toBeUndefined();
  expect(await dropPastMonths(pool, 30)).toEqual([]);
  await relayBatch(pool);
  await pool.query(`update postdate.consumer set position = 100;
    update postdate.set_aside set ended_at = now(), outcome = 'sent';
    update postdate.answer set answer = 'done', answered_at = now()`);
  expect(await dropPastMonths(pool, 0)).toEqual([]);
  await pool.query('delete from postdate.webhook');
  expect(await dropPastMonths(pool, 0)).toEqual(['outbox_before_months']);
  expect((await pool.query(ALL)).rows).toEqual([]);
});

it('a new installation has no table of before', async () => {
  const { pool } = await formerInstallation();
  await migrate(pool, postdateSchema);
  const { rows } = await pool.query(`select to_regclass('postdate.outbox_before_months') as before`);
  expect(rows).toEqual([{ before: null }]);
  await emit(pool, 'new');
  expect(await inTable(pool, 'new')).toBe(await thisMonth(pool));
});

it('who had rights to the outbox has the same, to the months that come too, and no other role has any', async () => {
  const { pool } = await formerInstallation();
  const role = (name: string) => `${name}_${nanoid(8).toLowerCase().replaceAll('-', '_')}`;
  const [reader, narrow, none] = [role('reader'), role('narrow'), role('none')];
  await pool.query(`create role ${reader}; create role ${narrow}; create role ${none}`);
  ends.splice(1, 0, () => withClient(server, (client) => client.query(`drop role ${reader}, ${narrow}, ${none}`)));
  ends.push(() => pool.query(`drop owned by ${reader}, ${narrow}, ${none}`));
  await pool.query(`grant select, update on postdate.outbox to ${reader} with grant option;
    grant select (id, type) on postdate.outbox to ${narrow}`);
  const rights = async (table: string) =>
    (
      await pool.query(
        `select array(select privilege from unnest(array['select', 'update', 'delete', 'select with grant option']) as privilege
                       where has_table_privilege(role, $2, privilege)) as whole,
                array(select attname::text from pg_attribute where attrelid = $2::regclass and attnum > 0
                         and has_column_privilege(role, $2, attname, 'select') order by attnum) as columns
           from unnest($1::text[]) as role`,
        [[reader, narrow, none], table],
      )
    ).rows;
  const before = await rights('postdate.outbox');
  expect(before).toMatchObject([
    { whole: ['select', 'update', 'select with grant option'] },
    { whole: [], columns: ['id', 'type'] },
    { whole: [], columns: [] },
  ]);
  await migrate(pool, postdateSchema);
  const [first, ...others] = await rights('postdate.outbox');
  expect(first.whole).toEqual(before[0].whole);
  expect(others).toEqual(before.slice(1));
  const [later] = await rights(await thisMonth(pool));
  expect(later.whole).toEqual(['select', 'update']);
});

it('what would stay with the table of before, and miss each new event, stops the upgrade and is named', async () => {
  const { pool } = await formerInstallation();
  await fill(pool);
  await pool.query('create view public.latest as select max(position) as position from postdate.outbox');
  await expect(migrate(pool, postdateSchema)).rejects.toThrow(/months, and the view latest would see no new event/);
  await emit(pool, 'meanwhile');
  expect(await inTable(pool, 'meanwhile')).toBe('postdate.outbox');
  await pool.query('drop view public.latest');
  await migrate(pool, postdateSchema);
  expect(await inTable(pool, 'meanwhile')).toBe('postdate.outbox_before_months');
});

it('a publication of the outbox, and one of all tables, go on with the new events, under the name of before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postdate-logical-'));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  // Started by root, PostgreSQL runs under another account, which must be able to enter.
  await chmod(folder, 0o755);
  // A slot is read up to what is on disk.
  const settings = { wal_level: 'logical', synchronous_commit: 'on' };
  const postgres = await startPostgres({ dataFolder: join(folder, 'postgres'), durable: false, settings });
  ends.push(postgres.stop);
  const pool = createPool(await createDatabase(postgres.url, 'postdate'), { connections: 4, onError: () => undefined });
  ends.push(() => pool.end());
  await migrate(pool, former);
  await pool.query(`create publication listed for table postdate.outbox with (publish = 'insert')`);
  await pool.query('create publication every for all tables');
  await pool.query(`select pg_create_logical_replication_slot('debezium', 'pgoutput')`);
  await emit(pool, 'before');
  await relayed(pool);
  await migrate(pool, postdateSchema);
  await emit(pool, 'after');
  await relayBatch(pool);

  /** The tables of the insertions into the outbox, as a subscriber is told. */
  async function insertions(publication: string): Promise<string[]> {
    const { rows } = await pool.query<{ data: Buffer }>(
      `select data from pg_logical_slot_peek_binary_changes('debezium', null, null, 'proto_version', '1', 'publication_names', $1)`,
      [publication],
    );
    const names = new Map<number, string>();
    const inserted: string[] = [];
    for (const { data } of rows) {
      const kind = String.fromCharCode(data[0] as number);
      if (kind === 'R')
        names.set(data.readUInt32BE(1), data.subarray(5).toString('latin1').split('\0').slice(0, 2).join('.'));
      if (kind === 'I') inserted.push(names.get(data.readUInt32BE(1)) ?? '?');
    }
    return inserted.filter((name) => name.startsWith('postdate.outbox'));
  }
  expect(await insertions('listed')).toEqual(['postdate.outbox', 'postdate.outbox']);
  expect(await insertions('every')).toEqual(['postdate.outbox', 'postdate.outbox']);
});
