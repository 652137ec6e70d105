import { sql } from 'kysely';
import { z } from 'zod';
import type { SchemaMigrations } from '../../src/platform/database/migrate';
import { defineTopic } from '../../src/topics/define-topic';
import { done } from '../../src/topics/topic';

export const INSTALLATIONS = ['north', 'south'] as const;
export type Name = (typeof INSTALLATIONS)[number];

const MOVED_TO_NORTH = ['late-arrival'];

/** The rule: the first letter of the tenant, except for those in a list. A tenant has its rows where the rule says. */
export const installationOf = (tenant: string): Name =>
  MOVED_TO_NORTH.includes(tenant) || tenant < 'n' ? 'north' : 'south';

/** The rows behind the messages of an installation, with the effect in them. */
export const ordersSchema: SchemaMigrations = {
  schema: 'orders',
  migrations: {
    '0001-order': {
      async up(db) {
        await sql`create table orders.order (
          tenant text not null, id text not null, due_at timestamptz not null, expired_at timestamptz,
          primary key (tenant, id)
        )`.execute(db);
      },
    },
  },
};

/** The topic of an installation: its name tells its messages from those of the other one in the same namespace. */
export const expiryIn = (installation: Name) =>
  defineTopic({
    name: `order.expiry.${installation}`,
    payload: z.object({}),
    async handle(tx, { tenant, key }) {
      await tx.query(
        'update orders.order set expired_at = clock_timestamp() where tenant = $1 and id = $2 and expired_at is null',
        [tenant, key],
      );
      return done;
    },
    businessRows: `select tenant, id as key, 1 as cycle, due_at, '{}'::jsonb as payload, expired_at is null as waits,
                          case when expired_at is not null then 'order.expired' end as told
                     from orders.order`,
  });
