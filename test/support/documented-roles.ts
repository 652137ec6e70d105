import type { Pool } from 'pg';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { migrate, postdateSchema } from '../../src/platform/database/migrate';
import { createPool } from '../../src/platform/database/pool';
import { useOwnedDatabase } from './owned-database';
import { blocksOf } from './pages';

const ROLES = {
  postdate_app: 'login',
  billing: 'login',
  orders: 'login',
  dashboards: 'login',
  debezium: 'login replication',
  // Not on the page: what usage of the schema alone lets a role do.
  onlooker: 'login',
};
export type DocumentedRole = keyof typeof ROLES | 'owner';
export const DOCUMENTED_ROLES = ['owner', ...Object.keys(ROLES)] as DocumentedRole[];

/** SQLSTATE insufficient_privilege. */
export const DENIED = '42501';

/** Connections of each role of docs/deploy.md, to a database that its owner has migrated, with the page's grants. */
export function useDocumentedRoles(): Record<DocumentedRole, Pool> {
  const database = useOwnedDatabase(ROLES);
  const pools = {} as Record<DocumentedRole, Pool>;
  beforeAll(async () => {
    for (const role of DOCUMENTED_ROLES) {
      pools[role] = createPool(database.as(role), { connections: 2, onError: () => undefined });
    }
    for (const schema of [postdateSchema, paymentsSchema]) await migrate(pools.owner, schema);
    for (const { language, text } of blocksOf('docs/deploy.md')) {
      const grants = Object.entries(database.names).reduce(
        (sql, [role, name]) => sql.replaceAll(new RegExp(`\\b${role}\\b`, 'g'), name),
        text,
      );
      if (language === 'sql') await pools.owner.query(grants);
    }
    await pools.owner.query(`grant usage on schema postdate to ${database.names.onlooker}`);
  });
  afterAll(() => Promise.all(Object.values(pools).map((pool) => pool.end())));
  return pools;
}
