import type { Command } from 'commander';
import { publishersOf } from '../events/brokers/configured-publishers';
import { checksOf, type DoctorTargets } from '../operating/doctor/doctor';
import { blockedChecks, type Check, type Finding, fail, ok, runChecks } from '../operating/doctor/finding';
import { createPool } from '../platform/database/pool';
import { connectClient } from '../platform/temporal/client';
import { type Config, readConfig } from '../process/config';
import type { Installation } from '../process/installation';
import { identityOfCaller } from './connections';
import { type ExitCode, run } from './exit';
import { CommandFailure, databaseFailure, errorText, lineOf, temporalFailure } from './failure';
import { withExample } from './options';
import { print, printJson } from './output';
import { terminalOf } from './terminal';

export function addDoctor(program: Command, parts: Installation): void {
  const command = program
    .command('doctor')
    .description('check configuration, connections, clocks, server, workers and stream; exit code 1 if anything fails');
  withExample(command, 'doctor').action((options: { json?: boolean }) => run(runDoctor(parts, options)));
}

async function runDoctor(parts: Installation, { json }: { json?: boolean }): Promise<ExitCode> {
  const findings: Finding[] = [];
  await withChecks(parts, async (checks) => {
    for await (const finding of runChecks(checks, errorText)) {
      findings.push(finding);
      // Printed one by one: a check that waits for its deadline must not hide the earlier ones.
      if (!json) print(findingText(finding));
    }
  });
  const failed = findings.filter(({ status }) => status === 'fail').length;
  if (json) printJson({ healthy: failed === 0, findings });
  else print(failed === 0 ? 'nothing failed' : `${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function findingText({ check, status, says, todo }: Finding): string {
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
    const configuration = { name: 'configuration', run: async () => fail(why, 'set it, or unset it for its default') };
    return work([configuration, ...blockedChecks(others, 'the configuration cannot be used')]);
  }
  const { targets, close } = await connectTargets(config);
  try {
    const checks = checksOf(targets, parts, publishersOf(config));
    await work([{ name: 'configuration', run: async () => ok('can be used') }, ...checks]);
  } finally {
    await close();
  }
}

function configOf(): Config | { why: string } {
  try {
    return readConfig(process.env);
  } catch (error) {
    return { why: lineOf(error) };
  }
}

/** Connects to the database and to Temporal, each of which may be unreachable. */
async function connectTargets({
  databaseUrl,
  temporal,
}: Config): Promise<{ targets: DoctorTargets; close(): Promise<void> }> {
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
    targets: {
      database: reached ?? { pool },
      temporal: 'unreachable' in connected ? connected : { ...connected, namespace },
    },
    async close() {
      // The findings are printed by then: a connection that does not close well is no finding.
      await Promise.allSettled(['unreachable' in connected ? undefined : connected.close(), pool.end()]);
    },
  };
}

const unreachable = (error: unknown) => ({
  unreachable:
    error instanceof CommandFailure
      ? { says: error.says, todo: error.todo ?? 'see docs/operations.md' }
      : { says: lineOf(error), todo: 'see docs/operations.md' },
});
