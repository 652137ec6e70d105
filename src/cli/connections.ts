import { Client, Connection } from '@temporalio/client';
import type { Pool } from 'pg';
import { ConfigError, readConfig } from '../config';
import { createPool } from '../database';

/** What a command ends with: 0 all is well, 1 something was found, 2 it could not be done. */
export type ExitCode = 0 | 1 | 2;

export const print = (text: string): void => void process.stdout.write(`${text}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

/** Gives a command the database for as long as it works. */
export async function withPool(work: (pool: Pool) => Promise<ExitCode>): Promise<ExitCode> {
  const pool = createPool(readConfig(process.env).databaseUrl, { connections: 4, onError: () => undefined });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

/** Gives a command Temporal for as long as it works. */
export async function withClient(work: (client: Client) => Promise<ExitCode>): Promise<ExitCode> {
  const { namespace, connectionOptions } = readConfig(process.env).temporal;
  const connection = await Connection.connect(connectionOptions);
  try {
    return await work(new Client({ connection, namespace }));
  } finally {
    await connection.close();
  }
}

/** Runs a command to its exit code; what it throws is said, and is a 2. */
export async function run(command: Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await command;
  } catch (error) {
    const { message, stack } = error as Error;
    process.stderr.write(`${error instanceof ConfigError ? message : stack}\n`);
    process.exitCode = 2;
  }
}
