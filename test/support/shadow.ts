import { sql } from 'kysely';
import { nanoid } from 'nanoid';
import type { Pool } from 'pg';
import { z } from 'zod';
import { land } from '../../src/delivery/landing/landing';
import { changeLane } from '../../src/delivery/lanes/change-lane';
import { readRoutingTable } from '../../src/delivery/lanes/routing-table';
import { snapshotCopies } from '../../src/delivery/lanes/shadow/row-snapshots';
import { tryDueCopies } from '../../src/delivery/lanes/shadow/shadow';
import { createShadowCopies } from '../../src/delivery/lanes/shadow/shadow-copies';
import type { Delivery } from '../../src/message/contract';
import type { SchemaMigrations } from '../../src/platform/database/migrate';
import { createPool } from '../../src/platform/database/pool';
import { defineTopic } from '../../src/topics/define-topic';
import type { DueMessage, HandlerAnswer, LandingTransaction, Topic } from '../../src/topics/topic';
import type { TestDatabase } from './database';
import { effectMessage } from './effects';
import { eventually } from './eventually';

/** Two tables that a topic's handler changes: of keys that it is given, and of keys that the database makes. */
export const shelfSchema: SchemaMigrations = {
  schema: 'shelf',
  migrations: {
    '0001-thing': {
      async up(db) {
        await sql`
        create table shelf.thing (
          tenant     text          not null,
          id         text          not null,
          state      text          not null,
          -- more digits than a number of JavaScript has
          amount     numeric(30,10) not null,
          doubled    numeric(30,10) generated always as (amount * 2) stored,
          tags       text[]        not null default '{}',
          touched_at timestamptz   not null default clock_timestamp(),
          primary key (tenant, id)
        )`.execute(db);
        await sql`
        create table shelf.note (
          id     bigint generated always as identity primary key,
          tenant text   not null,
          thing  text   not null,
          words  text   not null,
          foreign key (tenant, thing) references shelf.thing (tenant, id)
        )`.execute(db);
        await sql`create table shelf.elsewhere (words text not null)`.execute(db);
      },
    },
  },
};

export const LANE = 'v2';
const AMOUNT = '12345678901234567890.0123456789';

export type Handle = (tx: LandingTransaction, message: DueMessage<unknown>) => Promise<HandlerAnswer>;

export const shelfTopic = (handle: Handle, fields: Partial<Topic> = {}): Topic =>
  defineTopic({
    name: 'test.shelf',
    payload: z.unknown(),
    observed: [
      { table: 'shelf.thing', where: 'tenant = $1 and id = $2' },
      { table: 'shelf.note', where: 'tenant = $1 and thing = $2' },
    ],
    volatile: ['touched_at', 'touchedAt'],
    handle,
    ...fields,
  });

/** A database with a lane in shadow mode, and the steps that a shadow's message takes, one by one. */
export function useShelf(database: TestDatabase) {
  let trials: Pool;
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);

  beforeAll(async () => {
    // As stable's worker writes it.
    await database.pool.query(`alter table postdate.delivery alter column lane set default 'stable'`);
    trials = createPool(database.url, { connections: 1, onError: () => undefined });
    await changeLane(
      database.pool,
      { topic: 'test.shelf', lane: LANE, what: 'set', author: 'ann', reason: 'a trial' },
      { mode: 'shadow' },
    );
  });
  afterEach(() => void errors.splice(0));
  afterAll(() => trials.end());

  const query = (text: string, values: unknown[] = []) => database.pool.query(text, values);
  const shelf = {
    errors,
    query,
    /** A thing on the shelf, and a message of it that is due. */
    async delivery(fields: Parameters<typeof effectMessage>[1] = {}, dueInMs = -1): Promise<Delivery> {
      const message = effectMessage(dueInMs, { topic: 'test.shelf', key: nanoid(), ...fields });
      await query(`insert into shelf.thing (tenant, id, state, amount, tags) values ($1, $2, 'new', $3, '{a,"b c"}')`, [
        message.tenant,
        message.key,
        AMOUNT,
      ]);
      return { message, late: false };
    },
    /** Hands copies to the shadow, as a worker that holds them does. */
    async copied(topic: Topic, ...deliveries: Delivery[]): Promise<void> {
      const routing = { ...(await readRoutingTable(database.pool, topic.name)), servedLanes: new Set([LANE]) };
      const copies = createShadowCopies({ pool: database.pool, onError }, () => routing);
      for (const delivery of deliveries) copies.copy(topic, delivery);
      await eventually(async () => {
        const keys = deliveries.map(({ message }) => message.key);
        const { rows } = await query('select 1 from postdate.shadow_copy where key = any($1)', [keys]);
        if (rows.length < deliveries.length) throw new Error('not yet');
      });
      await copies.stop();
    },
    /** What a worker that died had taken may be taken by another. */
    letTakenExpire: () => query(`update postdate.shadow_copy set taken_at = clock_timestamp() - interval '31 seconds'`),
    pictured: (topic: Topic) => snapshotCopies(database.pool, topic, LANE),
    async landed(topic: Topic, ...deliveries: Delivery[]): Promise<void> {
      const landings = await land(database.pool, topic, deliveries);
      for (const landing of landings) if (!('decision' in landing)) throw new Error(JSON.stringify(landing));
    },
    tried: (topic: Topic, build?: string) => tryDueCopies({ pool: database.pool, trials, build, onError }, topic, LANE),
    async comparisonOf({ message }: Delivery) {
      const { rows } = await query('select * from postdate.shadow_comparison where key = $1', [message.key]);
      return rows[0];
    },
    /** All that there is of the business, the ledger and the stream. */
    async everything() {
      const tables = ['shelf.thing', 'shelf.note', 'shelf.elsewhere', 'postdate.delivery', 'postdate.outbox'];
      const rows = [];
      for (const table of [...tables, 'postdate.shadow_seal']) {
        rows.push((await query(`select one::text from ${table} as one order by 1`)).rows);
      }
      return rows;
    },
    /** The whole way of a message that stable lands and a shadow tries: what came of it. Nothing of the trial is left. */
    async compared(stable: Topic, shadow: Topic, delivery: Delivery) {
      await shelf.copied(stable, delivery);
      await shelf.pictured(shadow);
      await shelf.landed(stable, delivery);
      const before = await shelf.everything();
      await shelf.tried(shadow);
      expect(await shelf.everything()).toEqual(before);
      return shelf.comparisonOf(delivery);
    },
  };
  return shelf;
}
