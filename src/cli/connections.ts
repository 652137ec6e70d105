import { hostname, userInfo } from 'node:os';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { readConfig } from '../config';
import { createPool } from '../database';
import { connectClient } from '../temporal-client';
import type { ExitCode } from './exit';
import { databaseFailure, temporalFailure } from './failure';

/** Gives a command the database for as long as it works. */
export async function withPool(work: (pool: Pool) => Promise<ExitCode>): Promise<ExitCode> {
  const { databaseUrl } = readConfig(process.env);
  // What breaks a connection fails the statement as well, and is said there.
  const pool = createPool(databaseUrl, { connections: 4, onError: () => undefined });
  try {
    return await work(pool);
  } catch (error) {
    throw databaseFailure(error, databaseUrl);
  } finally {
    await pool.end();
  }
}

/** Gives a command Temporal for as long as it works. */
export async function withClient(work: (client: Client) => Promise<ExitCode>): Promise<ExitCode> {
  const { temporal } = readConfig(process.env);
  const place = { address: temporal.connectionOptions.address, namespace: temporal.namespace };
  try {
    const { client, connection } = await connectClient(temporal, { identity: identityOfCaller() });
    try {
      return await work(client);
    } finally {
      await connection.close();
    }
  } catch (error) {
    throw temporalFailure(error, place);
  }
}

/** Who is at the terminal: it stands in the history of each message that they touch. */
export function identityOfCaller(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // In a container the user may have no name.
    return `uid ${process.getuid?.()}@${hostname()}`;
  }
}
