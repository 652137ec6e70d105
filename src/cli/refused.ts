import type { Command } from 'commander';
import { findRefused, type RefusedCommand } from '../events/refused-commands';
import type { Topic } from '../topics/topic';
import { withPool } from './connections';
import { type ExitCode, run } from './exit';
import { topicNamed, wholeFromOne, withExample } from './options';
import { oneLine, print, printJson } from './output';

interface Options {
  topic?: string;
  tenant?: string;
  limit: number;
  json?: boolean;
}

export function addRefused(program: Command, topics: Topic[]): void {
  const command = program
    .command('refused')
    .description('commands posted in SQL that a worker has refused, and no later post has mended; exit code 1 if any')
    .option('--topic <topic>', 'of this topic only')
    .option('--tenant <tenant>', 'of this tenant only')
    .option('--limit <number>', 'of each topic at most so many, the newest first', wholeFromOne, 100);
  withExample(command, 'refused --tenant acme').action((options: Options) => run(showRefused(topics, options)));
}

async function showRefused(topics: Topic[], { topic, tenant, limit, json }: Options): Promise<ExitCode> {
  const selected = topic === undefined ? topics : [topicNamed(topics, topic)];
  return withPool(async (pool) => {
    const found: RefusedCommand[] = [];
    for (const { name } of selected) found.push(...(await findRefused(pool, { topic: name, tenant }, limit)));
    if (json) printJson(found);
    else for (const one of found) print(lineOf(one));
    return found.length > 0 ? 1 : 0;
  });
}

const lineOf = ({ refusedAt, topic, tenant, key, what, commandId, code, message }: RefusedCommand) =>
  `${refusedAt}  ${topic}  ${tenant}/${key}  ${what} ${commandId}: ${code}, ${oneLine(message)}`;
