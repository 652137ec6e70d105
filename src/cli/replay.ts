import type { Command } from 'commander';
import type { Pool } from 'pg';
import { replayFrom } from '../events/consumer';
import { countPassed } from '../events/partition-rows';
import { withPool } from './connections';
import { type ExitCode, run } from './exit';
import { CommandFailure } from './failure';
import { position, withExample } from './options';
import { print, printJson } from './output';

interface Options {
  consumer: string;
  from: number;
  dryRun?: boolean;
  json?: boolean;
}

export function addReplay(program: Command): void {
  const command = program
    .command('replay')
    .description('have a consumer read the stream again; what it did not do idempotently it does again')
    .requiredOption('--consumer <name>', 'which one')
    .requiredOption('--from <position>', 'with what comes after this position; 0 is everything that is kept', position)
    .option('--dry-run', 'say how many events it would be given');
  withExample(command, 'replay --consumer notifications --from 0 --dry-run').action((options: Options) =>
    run(withPool((pool) => replay(pool, options))),
  );
}

async function replay(pool: Pool, { consumer, from, dryRun = false, json }: Options): Promise<ExitCode> {
  const before = await positionOf(pool, consumer);
  if (from > before) {
    const skipped = `it is at ${before}, and would never see what comes up to ${from}`;
    throw new CommandFailure(`--from: ${skipped}`, `choose a position up to ${before}`);
  }
  const events = await countPassed(pool, consumer, from);
  if (!dryRun) await replayFrom(pool, consumer, from);
  if (json) printJson({ consumer, from, before, events, dryRun });
  else
    print(
      `${consumer} ${dryRun ? 'would be' : 'is'} given ${events} events again, those after ${from}; it was at ${before}`,
    );
  return 0;
}

async function positionOf(pool: Pool, name: string): Promise<number> {
  // Of a consumer with partitions: that of the first of them. The others stay behind where they are.
  const { rows } = await pool.query<{ name: string; position: string }>(
    'select coalesce(part_of, name) as name, max(position) as position from postdate.consumer group by 1',
  );
  const found = rows.find((row) => row.name === name);
  if (found) return Number(found.position);
  const known = rows.map((row) => row.name).join(', ') || 'none: a worker makes them known when it starts';
  throw new CommandFailure(`there is no consumer ${name}; known are ${known}`);
}
