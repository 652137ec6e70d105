import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { createDatabase } from '../../local/databases';
import { startPostgres } from '../../local/postgres';
import { createPool } from '../../src/platform/database/pool';
import { createApplication } from '../harness/application';
import { checkCommitTimes } from '../harness/commit-times';
import type { BenchContext } from '../harness/context';
import { SETTINGS } from '../harness/servers';
import type { Burst } from './hold-burst';
import { type Database, type Installation, startInstallation } from './installation';
import { type Landing, landBurst } from './land-burst';
import type { Places } from './places';

/** One burst whose tenants are spread over two installations of one namespace, each with a database server of its own. */
export interface Sharded extends Landing {
  workersEach: number;
  tenants: number;
  /** By installation: its tenants, and its ledger's rows. */
  installations: { name: string; tenants: number; decided: number }[];
  /** Ledger rows of tenants that the rule gives to the other installation. */
  misplaced: number;
}

const NAMES = ['one', 'two'] as const;
const TENANTS = 40;
const CONNECTIONS = 20;

/** The rule: a hash of the tenant's name, which is the same in every process and for ever. */
export function shardOf(tenant: string, names: readonly string[]): string {
  const hash = createHash('sha256').update(tenant).digest().readUInt32BE();
  return names[hash % names.length] as string;
}

/** Starts the second database, two installations with so many workers each, and lands a burst in both at one instant. */
export async function measureSharded(
  bench: BenchContext,
  client: Client,
  places: Places,
  { messages, workersEach, quietMs }: { messages: number; workersEach: number; quietMs: number },
): Promise<Sharded> {
  const databases: Database[] = [bench.database, await secondDatabase(bench, places)];
  const settings = { workers: workersEach, heldMessages: messages };
  const installations = await Promise.all(
    NAMES.map((name, index) =>
      startInstallation(bench, places, { name, database: databases[index] as Database }, settings),
    ),
  );
  const installationOf = (tenant: string) =>
    installations.find(({ name }) => name === shardOf(tenant, NAMES)) as Installation;
  const tenantOf = (run: string, index: number) => `${run}-t${index % Math.min(TENANTS, messages)}`;
  const burst: Burst = { messages, installations, tenantOf, installationOf };
  const landing = await landBurst(bench, client, burst, { name: 'sharded', quietMs });

  const decided = await Promise.all(installations.map(decidedIn));
  await Promise.all(installations.map((one) => one.stop()));
  const isElsewhere = (tenant: string, name: string) => shardOf(tenant, NAMES) !== name;
  return {
    ...landing,
    workersEach,
    tenants: Math.min(TENANTS, messages),
    installations: decided.map(({ name, byTenant }) => ({
      name,
      tenants: byTenant.length,
      decided: byTenant.reduce((sum, one) => sum + one.decided, 0),
    })),
    misplaced: decided
      .flatMap(({ name, byTenant }) => byTenant.filter(({ tenant }) => isElsewhere(tenant, name)))
      .reduce((sum, one) => sum + one.decided, 0),
  };
}

/** What an installation's ledger has of the burst, by tenant. */
async function decidedIn({ name, database: { pool } }: Installation) {
  const { rows } = await pool.query<{ tenant: string; decided: number }>(
    `select tenant, count(*)::int as decided from postdate.delivery where tenant like 'sharded-%' group by tenant`,
  );
  return { name, byTenant: rows };
}

async function secondDatabase(bench: BenchContext, { database: cpus }: Places): Promise<Database> {
  const dataFolder = join(bench.folder, 'application-two');
  const server = await startPostgres({ dataFolder, settings: SETTINGS, cpus, log: bench.log });
  bench.onStop(server.stop);
  const url = await createDatabase(server.url, 'application');
  const onError = (error: Error) => bench.log(`second database: ${error.message}`);
  const pool = createPool(url, { connections: CONNECTIONS, onError });
  bench.onStop(() => pool.end());
  await checkCommitTimes(pool);
  await createApplication(pool);
  return { url, pid: server.pid, pool };
}
