import type { Command } from 'commander';
import { findStuckMessages } from '../operating/stuck';
import type { Topic } from '../topics/topic';
import { withClient } from './connections';
import { run } from './exit';
import { positive, withExample } from './options';
import { print, printJson } from './output';

export const addStuck = (program: Command, topics: Topic[]) =>
  withExample(
    program
      .command('stuck')
      .description('what is past its due time, and why; exit code 1 if there is any')
      .option('--tenant <tenant>', 'of this tenant only')
      .option('--grace-seconds <number>', 'past its due time by more than this', positive, 60),
    'stuck --tenant acme',
  ).action((options: { tenant?: string; graceSeconds: number; json?: boolean }) =>
    run(
      withClient(async (client) => {
        const found = [];
        for (const { name: topic } of topics) {
          const selection = { topic, tenant: options.tenant, graceMs: options.graceSeconds * 1_000 };
          for await (const one of findStuckMessages(client, selection)) {
            found.push(one);
            if (!options.json) print(`${one.dueAt}  ${topic}  ${one.tenant}/${one.key}  ${one.why}: ${one.detail}`);
          }
        }
        if (options.json) printJson(found);
        return found.length > 0 ? 1 : 0;
      }),
    ),
  );
