import { type Kysely, sql } from 'kysely';

// Most rows have no command, and every event is without a position at first: entries for those would be written in every
// landing and never looked up.
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table postdate.delivery drop constraint delivery_topic_tenant_key_command_id_key`.execute(db);
  await sql`
  create unique index delivery_command on postdate.delivery (topic, tenant, key, command_id)
   where command_id is not null`.execute(db);
  await sql`alter table postdate.outbox drop constraint outbox_position_key`.execute(db);
  await sql`create unique index outbox_position on postdate.outbox (position) where position is not null`.execute(db);
}
