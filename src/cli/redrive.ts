import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { type FailedMessage, findFailed } from '../operating/redrive/failed';
import { type RedriveResult, redrive } from '../operating/redrive/redrive';
import { createWaiting } from '../producing/waiting-runs';
import type { Topic } from '../topics/topic';
import { withClient, withPool } from './connections';
import { type ExitCode, run } from './exit';
import { instant, positive, topicNamed, withExample } from './options';
import { oneLine, print, printJson } from './output';
import { withProgress } from './progress';

interface RedriveOptions {
  topic: string;
  tenant?: string;
  key?: string;
  reason?: string;
  failedAfter?: Date;
  limit: number;
  perSecond: number;
  by?: string;
  because?: string;
  json?: boolean;
}

export const addRedrive = (program: Command, topics: Topic[]) =>
  withExample(
    program
      .command('redrive')
      .description('have failed messages tried again, each in a new cycle; without --by and --because only shows them')
      .requiredOption('--topic <topic>', 'of this topic')
      .option('--tenant <tenant>', 'of this tenant only')
      .option('--key <key>', 'with this key only')
      .option('--reason <text>', 'whose failure says this')
      .option('--failed-after <instant>', 'that failed after this instant', instant)
      .option('--limit <number>', 'at most so many, the earliest failure first', positive, 100)
      .option('--per-second <number>', 'so many a second', positive, 10)
      .option('--by <name>', 'who wants it, for the record')
      .option('--because <text>', 'why, for the record'),
    "redrive --topic payment-request.expiry --reason 'bad deploy' --by Anna --because 'it is fixed'",
  ).action((options: RedriveOptions) => run(redriveSelected(topics, options)));

async function redriveSelected(topics: Topic[], options: RedriveOptions): Promise<ExitCode> {
  const topic = topicNamed(topics, options.topic);
  const { by, because } = options;
  return withPool(async (pool) => {
    const failed = await findFailed(pool, options, Math.floor(options.limit));
    if (by === undefined || because === undefined) {
      if (options.json) {
        printJson(failed);
        return 0;
      }
      for (const one of failed) print(`${one.failedAt}  ${one.tenant}/${one.key}  cycle ${one.cycle}: ${one.reason}`);
      print(`${failed.length} would be tried again, with --by and --because`);
      return 0;
    }
    return withClient(async (client) => {
      const deps = { pool, client, waiting: createWaiting(client) };
      const all: (FailedMessage & { redriven: RedriveResult })[] = [];
      await withProgress(options, async (progress) => {
        progress?.begin('redriving', failed.length);
        const say = progress?.print ?? print;
        for (const one of failed) {
          const [redriven] = await Promise.all([
            redrive(deps, topic, one, { by, reason: because }),
            pause(1_000 / options.perSecond),
          ]);
          all.push({ ...one, redriven });
          progress?.done();
          const why = 'why' in redriven ? `: ${oneLine(redriven.why)}` : '';
          if (!options.json) say(`${redriven.result}  ${one.tenant}/${one.key}${why}`);
        }
      });
      if (options.json) printJson(all);
      return all.some(({ redriven }) => redriven.result !== 'redriven') ? 1 : 0;
    });
  });
}
