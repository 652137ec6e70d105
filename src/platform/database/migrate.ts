import { Kysely, type Migration, Migrator, PostgresDialect } from 'kysely';
import type { Pool } from 'pg';
import { type MigrateOptions, untilUnblocked, withLockTimeout } from './migration-attempts';
import * as ledger from './migrations/0001-ledger';
import * as outbox from './migrations/0002-outbox';
import * as hold from './migrations/0003-hold';
import * as rollCall from './migrations/0004-roll-call';
import * as partialIndexes from './migrations/0005-partial-indexes';
import * as posts from './migrations/0006-posts';
import * as turns from './migrations/0007-turns';
import * as ledgerDays from './migrations/0008-ledger-days';
import * as redrives from './migrations/0009-redrives';
import * as retention from './migrations/0010-retention';
import * as commands from './migrations/0011-commands';
import * as commandFunctions from './migrations/0012-command-functions';
import * as http from './migrations/0013-http';
import * as webhooks from './migrations/0014-webhooks';
import * as answers from './migrations/0015-answers';
import * as lanes from './migrations/0016-lanes';
import * as shadow from './migrations/0017-shadow';
import * as functionRights from './migrations/0018-function-rights';
import * as occurrence from './migrations/0019-occurrence';
import * as setAside from './migrations/0020-set-aside';
import * as dispatchQueue from './migrations/0021-dispatch-queue';
import * as refusedCommands from './migrations/0022-refused-commands';
import * as dueYearAndCycleRoom from './migrations/0024-due-year-and-cycle-room';
import * as pageTokenKey from './migrations/0025-page-token-key';
import * as claimedAt from './migrations/0027-claimed-at';
import * as webhookAnswers from './migrations/0028-webhook-answers';
import * as hints from './migrations/0032-hints';
import * as webhookTurns from './migrations/0034-webhook-turns';
import * as dispatchDue from './migrations/0036-dispatch-due';
import * as boundedPosts from './migrations/0037-bounded-posts';
import * as consumerPartitions from './migrations/0039-consumer-partitions';
import * as deliveriesBehind from './migrations/0040-deliveries-behind';
import * as outboxAppendedAt from './migrations/0041-outbox-appended-at';
import * as outboxBeforeMonths from './migrations/0042-outbox-before-months';
import * as outboxMonths from './migrations/0043-outbox-months';
import type { Queryable } from './pool';

/** A schema of the database with its migrations, which are applied in the order of their names. */
export interface SchemaMigrations {
  schema: string;
  migrations: Record<string, Migration>;
}

export const postdateSchema: SchemaMigrations = {
  schema: 'postdate',
  migrations: {
    '0001-ledger': ledger,
    '0002-outbox': outbox,
    '0003-hold': hold,
    '0004-roll-call': rollCall,
    '0005-partial-indexes': partialIndexes,
    '0006-posts': posts,
    '0007-turns': turns,
    '0008-ledger-days': ledgerDays,
    '0009-redrives': redrives,
    '0010-retention': retention,
    '0011-commands': commands,
    '0012-command-functions': commandFunctions,
    '0013-http': http,
    '0014-webhooks': webhooks,
    '0015-answers': answers,
    '0016-lanes': lanes,
    '0017-shadow': shadow,
    '0018-function-rights': functionRights,
    '0019-occurrence': occurrence,
    '0020-set-aside': setAside,
    '0021-dispatch-queue': dispatchQueue,
    '0022-refused-commands': refusedCommands,
    '0024-due-year-and-cycle-room': dueYearAndCycleRoom,
    '0025-page-token-key': pageTokenKey,
    '0027-claimed-at': claimedAt,
    '0028-webhook-answers': webhookAnswers,
    '0032-hints': hints,
    '0034-webhook-turns': webhookTurns,
    '0036-dispatch-due': dispatchDue,
    '0037-bounded-posts': boundedPosts,
    '0039-consumer-partitions': consumerPartitions,
    '0040-deliveries-behind': deliveriesBehind,
    '0041-outbox-appended-at': outboxAppendedAt,
    '0042-outbox-before-months': outboxBeforeMonths,
    '0043-outbox-months': outboxMonths,
  },
};

const APPLIED_BY_NEWER: Migration = {
  async up() {
    throw new Error('it has been applied already');
  },
};

/**
 * Brings the schema up to date, each migration in a transaction of its own. A migration that another transaction blocks
 * waits without blocking landings. Throws if a migration fails, with none of its changes applied. Safe when many workers
 * start at once. Migrations that only a newer release knows are accepted: workers of this release must still start
 * during an upgrade.
 */
export async function migrate(
  pool: Pool,
  schemaMigrations: SchemaMigrations,
  options: MigrateOptions = {},
): Promise<void> {
  // Nothing is locked if there is nothing to do.
  if ((await migrationStatus(pool, schemaMigrations)).missing.length === 0) return;
  const applyMissing = async (locked: Queryable) => {
    for (;;) {
      const { missing, unknown } = await migrationStatus(locked, schemaMigrations);
      if (missing.length === 0) return;
      await applyNext(pool, schemaMigrations, unknown);
    }
  };
  await untilUnblocked(pool, applyMissing, options);
}

async function applyNext(pool: Pool, { schema, migrations }: SchemaMigrations, unknown: string[]): Promise<void> {
  // Kysely's migrator refuses a database with a migration that is missing here.
  const all = Object.fromEntries([
    ...Object.entries(migrations).map(([name, migration]) => [name, withLockTimeout(migration)]),
    ...unknown.map((name) => [name, APPLIED_BY_NEWER]),
  ]);
  const migrator = new Migrator({
    // The pool is the caller's, so this instance is never destroyed.
    db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }),
    provider: { getMigrations: async () => all },
    migrationTableSchema: schema,
  });
  const { error } = await migrator.migrateUp();
  if (error) throw error;
}

/** Which migrations the database lacks, and which applied ones this release does not know. Changes nothing. */
export async function migrationStatus(
  db: Queryable,
  { schema, migrations }: SchemaMigrations,
): Promise<{ missing: string[]; unknown: string[] }> {
  const table = `${schema}.kysely_migration`;
  const { rows: tables } = await db.query<{ found: boolean }>('select to_regclass($1) is not null as found', [table]);
  const { rows } = tables[0]?.found
    ? await db.query<{ name: string }>(`select name from ${table} order by name`)
    : { rows: [] };
  const applied = new Set(rows.map(({ name }) => name));
  return {
    missing: Object.keys(migrations).filter((name) => !applied.has(name)),
    unknown: [...applied].filter((name) => !(name in migrations)),
  };
}
