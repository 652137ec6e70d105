import { sql } from 'kysely';
import { nanoid } from 'nanoid';
import type { Pool } from 'pg';
import { z } from 'zod';
import type { ScheduledMessage } from '../../src/message/contract';
import type { SchemaMigrations } from '../../src/platform/database/migrate';
import { defineTopic } from '../../src/topics/define-topic';
import { type DueMessage, done, type HandlerAnswer, type LandingTransaction, type Topic } from '../../src/topics/topic';

/** A table in which a test's handler leaves its mark; no key, so that a second effect would be seen. */
export const effectsSchema: SchemaMigrations = {
  schema: 'effects',
  migrations: {
    '0001-effect': {
      async up(db) {
        await sql`create table effects.effect (key text not null, cycle integer not null)`.execute(db);
      },
    },
  },
};

type Effect = DueMessage<{ note: string }>;

const payload = z.object({ note: z.string() });

/** A topic whose handler writes one row and emits one event, then does what `then` says. */
export const effectTopic = (
  then: (tx: LandingTransaction, message: Effect) => HandlerAnswer | Promise<HandlerAnswer> = () => done,
) =>
  defineTopic({
    name: 'test.effect',
    payload,
    async handle(tx, message) {
      await tx.query('insert into effects.effect (key, cycle) values ($1, $2)', [message.key, message.cycle]);
      await tx.emit('test.happened', { key: message.key });
      return then(tx, message);
    },
  });

/** The same topic with a set-based handler; each of its two handlers first does what `before` says. */
export const groupTopic = (
  before: { landAll?(messages: Effect[]): unknown; handle?(message: Effect): unknown } = {},
  limits: Pick<Topic, 'landingsPerSecond' | 'leadMs'> = {},
) =>
  defineTopic({
    ...effectTopic(async (_, message) => {
      await before.handle?.(message);
      return done;
    }),
    ...limits,
    async landAll(tx, messages) {
      await before.landAll?.(messages);
      await tx.query('insert into effects.effect (key, cycle) select * from unnest($1::text[], $2::integer[])', [
        messages.map(({ key }) => key),
        messages.map(({ cycle }) => cycle),
      ]);
      await tx.emit(messages.map((message) => ({ message, type: 'test.happened', data: { key: message.key } })));
      return messages.map(() => done);
    },
  });

/** A message of that topic, due this much from now. */
export const effectMessage = (dueInMs: number, fields: Partial<ScheduledMessage> = {}): ScheduledMessage => ({
  v: 1,
  topic: 'test.effect',
  tenant: 'acme',
  key: nanoid(),
  cycle: 1,
  dueAt: Date.now() + dueInMs,
  payload: { note: 'n' },
  ...fields,
});

/** How often the effect, the ledger's row and the event of a key are there. */
export async function traces(pool: Pool, key: string): Promise<{ effects: number; decisions: number; events: number }> {
  const { rows } = await pool.query(
    `select (select count(*) from effects.effect where key = $1)::int as effects,
            (select count(*) from postdate.delivery where key = $1)::int as decisions,
            (select count(*) from postdate.outbox where aggregateid = 'acme/' || $1)::int as events`,
    [key],
  );
  return rows[0];
}

/** Ten minutes of lead: whatever a test posts goes straight to the hold. */
export const burstTopic = groupTopic({}, { leadMs: 600_000 });

/** Without a lead: held for no time, and of no roll call's concern. */
export const plainTopic: Topic = { ...effectTopic(), leadMs: 0 };
export const hangingTopic: Topic = { ...plainTopic, name: 'test.hanging' };
