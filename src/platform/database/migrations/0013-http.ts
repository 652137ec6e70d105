import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  create table postdate.api_key (
    -- the part of the key that anyone may see
    id         text        primary key,
    -- of its secret part, which has 256 random bits and so needs no salt
    sha256     bytea       not null check (octet_length(sha256) = 32),
    -- the one that it may see and touch; '*' for all
    tenant     text        not null,
    label      text        not null,
    created_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz
  )`.execute(db);
  await sql`
  -- What was asked under an Idempotency-Key, and what was answered. Removed with the message's decisions.
  create table postdate.idempotency (
    -- the tenant of the API key: another one's Idempotency-Keys are other keys
    key_tenant      text        not null,
    idempotency_key text        not null,
    request_sha256  bytea       not null,
    topic           text        not null,
    tenant          text        not null,
    key             text        not null,
    recorded_at     timestamptz not null default clock_timestamp(),
    -- status and body; null as long as nothing definite was answered
    answer          jsonb,
    primary key (key_tenant, idempotency_key)
  )`.execute(db);
  await sql`create index idempotency_message on postdate.idempotency (topic, tenant, key)`.execute(db);
}
