#!/usr/bin/env node
import { Client, Connection } from '@temporalio/client';
import { Command, InvalidArgumentError } from 'commander';
import type { Pool } from 'pg';
import { audit } from './audit/audit';
import { verifyDays } from './audit/ledger-days';
import { reportOf, verificationOf } from './audit/report';
import { ConfigError, readConfig } from './config';
import { createPool } from './database';
import { installation } from './installation';
import { reconcile } from './sweep/reconcile';
import { hasRows } from './sweep/waiting-rows';

/** What a command ends with: 0 all is well, 1 something was found, 2 it could not be done. */
type ExitCode = 0 | 1 | 2;

const print = (text: string) => void process.stdout.write(`${text}\n`);
const json = (value: unknown) => print(JSON.stringify(value, null, 2));

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('must be a number above 0');
  return value;
}

async function withPool(work: (pool: Pool) => Promise<ExitCode>): Promise<ExitCode> {
  const pool = createPool(readConfig(process.env).databaseUrl, { connections: 4, onError: () => undefined });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

async function withClient(work: (client: Client) => Promise<ExitCode>): Promise<ExitCode> {
  const { namespace, connectionOptions } = readConfig(process.env).temporal;
  const connection = await Connection.connect(connectionOptions);
  try {
    return await work(new Client({ connection, namespace }));
  } finally {
    await connection.close();
  }
}

const run = (command: Promise<ExitCode>): Promise<void> =>
  command.then(
    (code) => {
      process.exitCode = code;
    },
    (error: Error) => {
      process.stderr.write(`${error instanceof ConfigError ? error.message : error.stack}\n`);
      process.exitCode = 2;
    },
  );

const program = new Command('postdate').description('Looks after messages to the future.');

program
  .command('audit')
  .description('compare business rows, ledger, events and stream in one snapshot; exit code 1 if they disagree')
  .option('--json', 'everything, for other programs')
  .option('--verify', 'compare every sealed day of the ledger with its seal instead')
  .action((options: { json?: boolean; verify?: boolean }) =>
    run(
      withPool(async (pool) => {
        if (options.verify) {
          const verified = await verifyDays(pool);
          options.json ? json(verified) : print(verificationOf(verified));
          return verified.broken.length > 0 ? 1 : 0;
        }
        const audited = await audit(pool, installation.topics);
        options.json ? json(audited) : print(reportOf(audited));
        return audited.sound ? 0 : 1;
      }),
    ),
  );

program
  .command('reconcile')
  .description('start what rows wait for and Temporal lacks, end what no row waits for; exit code 1 if there was any')
  .option('--dry-run', 'say what would be done')
  .option('--force', 'end workflows without a row however many they are')
  .option('--per-second <number>', 'workflows started or ended a second', positive, 10)
  .action((options: { dryRun?: boolean; force?: boolean; perSecond: number }) =>
    run(
      withPool((pool) =>
        withClient(async (client) => {
          let found = 0;
          for (const topic of installation.topics.filter(hasRows)) {
            const { started, ended, unusable, refused } = await reconcile({ pool, client }, topic, options);
            const say = (what: string, refs: typeof started) => {
              for (const { tenant, key } of refs) print(`${what}  ${topic.name}  ${tenant}/${key}`);
            };
            say('started ', started);
            say('ended   ', ended);
            say('unusable', unusable);
            if (refused) {
              print(`refused   ${topic.name}  ${refused.withoutRow} of ${refused.waiting} seem to have no row`);
            }
            found += started.length + ended.length + unusable.length + (refused ? 1 : 0);
          }
          return found > 0 ? 1 : 0;
        }),
      ),
    ),
  );

void program.parseAsync();
