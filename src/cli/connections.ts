import { hostname, userInfo } from 'node:os';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { createPool } from '../platform/database/pool';
import { connectClient } from '../platform/temporal/client';
import { readConfig } from '../process/config';
import type { ExitCode } from './exit';
import { databaseFailure, temporalFailure } from './failure';

/** Runs a command with a database pool, and closes the pool afterwards. */
export async function withPool(work: (pool: Pool) => Promise<ExitCode>): Promise<ExitCode> {
  const { databaseUrl } = readConfig(process.env);
  // An error of a connection also fails its statement, and is reported there.
  const pool = createPool(databaseUrl, { connections: 4, onError: () => undefined });
  try {
    return await work(pool);
  } catch (error) {
    throw databaseFailure(error, databaseUrl);
  } finally {
    await pool.end();
  }
}

/** Runs a command with a client of Temporal, and closes its connection afterwards. */
export async function withClient(work: (client: Client) => Promise<ExitCode>): Promise<ExitCode> {
  const { temporal } = readConfig(process.env);
  const place = { address: temporal.connectionOptions.address, namespace: temporal.namespace };
  try {
    const { client, close } = await connectClient(temporal, { identity: identityOfCaller() });
    try {
      return await work(client);
    } finally {
      await close();
    }
  } catch (error) {
    throw temporalFailure(error, place);
  }
}

/** Says why a command waits, where its output stays as it is. */
export const printWaiting = (reason: string): void => void process.stderr.write(`waiting: ${reason}\n`);

/** The user and host, which Temporal records in the history of each message that a command touches. */
export function identityOfCaller(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // In a container the user may have no name.
    return `uid ${process.getuid?.()}@${hostname()}`;
  }
}
