import type { Command } from 'commander';
import { type Config, readConfig } from '../config';
import { createPool } from '../database';
import { checksOf, type Patient } from '../doctor/doctor';
import { type Check, type Finding, fail, findingsOf, ok, uncheckable } from '../doctor/finding';
import type { Installation } from '../installation';
import { publishersOf } from '../streams';
import { connectClient } from '../temporal-client';
import { identityOfCaller } from './connections';
import { type ExitCode, run } from './exit';
import { CommandFailure, databaseFailure, lineOf, messageOf, temporalFailure } from './failure';
import { withExample } from './options';
import { print, printJson } from './output';
import { terminalOf } from './terminal';

export function addDoctor(program: Command, parts: Installation): void {
  const command = program
    .command('doctor')
    .description('check configuration, connections, clocks, server, workers and stream; exit code 1 if anything fails');
  withExample(command, 'doctor').action((options: { json?: boolean }) => run(examine(parts, options)));
}

async function examine(parts: Installation, { json }: { json?: boolean }): Promise<ExitCode> {
  const findings: Finding[] = [];
  await withChecks(parts, async (checks) => {
    for await (const finding of findingsOf(checks, messageOf)) {
      findings.push(finding);
      // As they come: one that waits for its deadline is not to hide those before it.
      if (!json) print(wordsOf(finding));
    }
  });
  const failed = findings.filter(({ status }) => status === 'fail').length;
  if (json) printJson({ healthy: failed === 0, findings });
  else print(failed === 0 ? 'nothing failed' : `${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function wordsOf({ check, status, says, todo }: Finding): string {
  const { colors } = terminalOf(process.stdout);
  const paint = { ok: colors.green, warn: colors.yellow, fail: colors.red }[status];
  return `${paint(status.padEnd(5))} ${check}: ${says}${todo ? ` → ${todo}` : ''}`;
}

async function withChecks(parts: Installation, work: (checks: Check[]) => Promise<void>): Promise<void> {
  const config = configOf();
  if ('why' in config) {
    const { why } = config;
    const unreachable = { says: '', todo: '' };
    const others = checksOf({ database: { unreachable }, temporal: { unreachable } }, parts).map(({ name }) => name);
    const configuration = { name: 'configuration', look: async () => fail(why, 'set it, or unset it for its default') };
    return work([configuration, ...uncheckable(others, 'the configuration cannot be used')]);
  }
  const { patient, leave } = await visit(config);
  try {
    const checks = checksOf(patient, parts, publishersOf(config));
    await work([{ name: 'configuration', look: async () => ok('can be used') }, ...checks]);
  } finally {
    await leave();
  }
}

function configOf(): Config | { why: string } {
  try {
    return readConfig(process.env);
  } catch (error) {
    return { why: lineOf(error) };
  }
}

/** Connects to what can be connected to. */
async function visit({ databaseUrl, temporal }: Config): Promise<{ patient: Patient; leave(): Promise<void> }> {
  const { namespace, connectionOptions } = temporal;
  const pool = createPool(databaseUrl, { connections: 4, onError: () => undefined });
  const reached = await pool.query('select 1').then(
    () => undefined,
    (error) => unreachable(databaseFailure(error, databaseUrl)),
  );
  const connected = await connectClient(temporal, { identity: identityOfCaller() }).catch((error) =>
    unreachable(temporalFailure(error, { address: connectionOptions.address, namespace })),
  );
  return {
    patient: {
      database: reached ?? { pool },
      temporal: 'unreachable' in connected ? connected : { ...connected, namespace },
    },
    async leave() {
      if (!('unreachable' in connected)) await connected.connection.close();
      await pool.end();
    },
  };
}

const unreachable = (error: unknown) => ({
  unreachable:
    error instanceof CommandFailure
      ? { says: error.says, todo: error.todo ?? 'see docs/operations.md' }
      : { says: lineOf(error), todo: 'see docs/operations.md' },
});
