import type { Command } from 'commander';
import { reconcile } from '../maintenance/reconcile';
import type { MessageRef } from '../message/contract';
import { hasRows } from '../topics/business-rows';
import type { Topic } from '../topics/topic';
import { withClient, withPool } from './connections';
import { run } from './exit';
import { positive, withExample } from './options';
import { oneLine, print, printJson } from './output';
import { withProgress } from './progress';

export const addReconcile = (program: Command, topics: Topic[]) =>
  withExample(
    program
      .command('reconcile')
      .description(
        'start what rows wait for and Temporal lacks, end what no row waits for; exit code 1 if there was any',
      )
      .option('--dry-run', 'say what would be done')
      .option('--force', 'end workflows without a row however many they are')
      .option('--per-second <number>', 'workflows started or ended a second', positive, 10),
    'reconcile --dry-run',
  ).action((options: { dryRun?: boolean; force?: boolean; perSecond: number; json?: boolean }) =>
    run(
      withPool((pool) =>
        withClient(async (client) => {
          let found = 0;
          const reconciled = [];
          for (const topic of topics.filter(hasRows)) {
            const { started, ended, overtaken, unusable, unreadable, refused } = await withProgress(
              options,
              (progress) => reconcile({ pool, client }, topic, { ...options, progress }),
            );
            if (options.json) {
              reconciled.push({ topic: topic.name, started, ended, overtaken, unusable, unreadable, refused });
            } else {
              printRefs('started ', started);
              printRefs('ended   ', ended);
              printRefs('overtaken', overtaken);
              printRefs('unusable', unusable);
              for (const run of unreadable)
                print(`unreadable ${topic.name}  ${oneLine(run.workflowId)}: ${run.unreadable}`);
            }
            if (refused && !options.json) {
              print(`refused   ${topic.name}  ${refused.withoutRow} of ${refused.waiting} seem to have no row`);
            }
            found += [started, ended, overtaken, unusable, unreadable].flat().length + (refused ? 1 : 0);
          }
          if (options.json) printJson(reconciled);
          return found > 0 ? 1 : 0;
        }),
      ),
    ),
  );

function printRefs(what: string, refs: MessageRef[]): void {
  for (const { topic, tenant, key } of refs) print(`${what}  ${topic}  ${tenant}/${key}`);
}
