import { type Kysely, sql } from 'kysely';

/**
 * The tenants of a webhook's waiting deliveries, so that they take turns. The index computes the tenant: the rows of
 * before have it at once, and workers of the release before go on writing theirs.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  // The log of a busy installation takes longer to read than a statement may last. Only webhooks wait for it.
  await sql`set local statement_timeout = 0`.execute(db);
  await sql`
  create index webhook_delivery_turn
    on postdate.webhook_delivery (webhook_id, (split_part(split_part(entity, ' ', 2), '/', 1) collate "C"), next_try_at)
   where next_try_at is not null`.execute(db);
}
