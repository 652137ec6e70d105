import type { Command } from 'commander';
import { findUnanswered } from '../events/answers/unanswered';
import type { Topic } from '../topics/topic';
import { withPool } from './connections';
import { type ExitCode, run } from './exit';
import { topicNamed, wholeFromOne, withExample } from './options';
import { print, printJson } from './output';

interface Options {
  topic?: string;
  tenant?: string;
  limit: number;
  json?: boolean;
}

export function addUnanswered(program: Command, topics: Topic[]): void {
  const command = program
    .command('unanswered')
    .description('forwarded messages that no consumer has answered in time; exit code 1 if there is any')
    .option('--topic <topic>', 'of this topic only')
    .option('--tenant <tenant>', 'of this tenant only')
    .option('--limit <number>', 'of each topic at most so many, the longest overdue first', wholeFromOne, 100);
  withExample(command, 'unanswered --topic orders.reminder').action((options: Options) =>
    run(showUnanswered(topics, options)),
  );
}

async function showUnanswered(topics: Topic[], { topic, tenant, limit, json }: Options): Promise<ExitCode> {
  const selected = topic === undefined ? topics : [topicNamed(topics, topic)];
  return withPool(async (pool) => {
    const found = [];
    for (const { name } of selected) found.push(...(await findUnanswered(pool, { topic: name, tenant }, limit)));
    if (json) printJson(found);
    else {
      for (const one of found) {
        print(`${one.expectedBy}  ${one.topic}  ${one.tenant}/${one.key}  cycle ${one.cycle}`);
      }
    }
    return found.length > 0 ? 1 : 0;
  });
}
