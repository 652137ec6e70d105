import { existsSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import type { Pool } from 'pg';
import { run } from '../../local/processes';

const ROOT = join(__dirname, '..', '..');

export interface Commit {
  commit: string;
  /** Whether the tree had changes that this commit has not. */
  dirty: boolean;
}

/** Promises the machine, as far as it explains the figures. */
export function describeMachine() {
  const [first] = cpus();
  return {
    cpu: first?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    os: systemName(),
    node: process.version,
  };
}

/** Promises the versions of the servers and of these packages; without an address, that of PostgreSQL only. */
export async function describeVersions(pool: Pool, temporalAddress: string | undefined, packages: string[]) {
  const { rows } = await pool.query<{ version: string }>(`select current_setting('server_version') as version`);
  return {
    postgresql: rows[0]?.version ?? 'unknown',
    ...(temporalAddress === undefined ? {} : { 'temporal-server': await serverVersionAt(temporalAddress) }),
    ...Object.fromEntries(packages.map((name) => [name, packageVersion(name)])),
  };
}

async function serverVersionAt(temporalAddress: string): Promise<string> {
  const connection = await Connection.connect({ address: temporalAddress });
  try {
    const { serverVersion } = await connection.workflowService.getSystemInfo({});
    return serverVersion ?? 'unknown';
  } finally {
    await connection.close();
  }
}

/** Promises the commit that is measured. */
export async function describeCommit(): Promise<Commit> {
  const git = async (...args: string[]) => (await run('git', args, { cwd: ROOT, timeoutMs: 10_000 })).trim();
  try {
    // Results of earlier runs, and plans that they kept, are no part of what is measured.
    const changes = await git(
      'status',
      '--porcelain',
      '--',
      '.',
      ':(exclude)bench/results',
      ':(exclude)chaos/results',
      ':(exclude)chaos/cases',
    );
    return { commit: await git('rev-parse', 'HEAD'), dirty: changes !== '' };
  } catch {
    // A source archive has no history.
    return { commit: 'unknown', dirty: true };
  }
}

function packageVersion(name: string): string {
  for (const folder of [join(ROOT, 'bench'), ROOT]) {
    // Not `require`: some packages do not export their package.json.
    const file = join(folder, 'node_modules', name, 'package.json');
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  }
  throw new Error(`${name} is not installed`);
}

function systemName(): string {
  const kernel = `${type()} ${release()}`;
  if (!existsSync('/etc/os-release')) return kernel;
  const name = /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  return name ? `${name}, ${kernel}` : kernel;
}
