import { type Command, Option } from 'commander';
import { type Count, countByHour, countByTenant, countByTopic } from '../producing/counts';
import { queryOf } from '../producing/list';
import type { Topic } from '../topics/topic';
import { withClient } from './connections';
import { type ExitCode, run } from './exit';
import { wholeFromOne, withExample } from './options';
import { print, printJson } from './output';
import { withProgress } from './progress';
import { barsOf } from './progress-bars';
import { tableOf } from './table';

interface Options {
  by: 'hour' | 'topic' | 'tenant';
  topic?: string;
  tenant?: string;
  hours: number;
  limit: number;
  json?: boolean;
}

const BAR_COLUMNS = 40;

export function addCount(program: Command, topics: Topic[]): void {
  const command = program
    .command('count')
    .description('how many messages wait, as Temporal counts them, with a bar chart')
    .addOption(new Option('--by <what>', 'counted by').choices(['hour', 'topic', 'tenant']).default('hour'))
    .option('--topic <topic>', 'of this topic only')
    .option('--tenant <tenant>', 'of this tenant only')
    .option('--hours <number>', 'by hour: so many, from the present one on (UTC)', wholeFromOne, 24)
    .option('--limit <number>', 'by tenant: of so many tenants at most', wholeFromOne, 50);
  withExample(command, 'count --by hour --hours 12').action((options: Options) => run(countBy(topics, options)));
}

async function countBy(topics: Topic[], { by, json, ...options }: Options): Promise<ExitCode> {
  const { topic, tenant, hours, limit } = options;
  const selection = { topic, tenant };
  queryOf(selection);
  const names = topics.map(({ name }) => name).filter((name) => topic === undefined || name === topic);
  return withClient(async (client) => {
    const counts = await withProgress({ json }, (progress) => {
      progress?.begin('counting', { hour: hours + 2, topic: names.length, tenant: limit }[by]);
      const onQuery = progress?.done;
      const counting = {
        hour: () => countByHour(client, selection, { hours, onQuery }),
        topic: () => countByTopic(client, selection, { topics: names, onQuery }),
        tenant: () => countByTenant(client, selection, { limit, onQuery }),
      };
      return counting[by]();
    });
    if (json) printJson({ by, counts });
    else print(chartOf(by, counts));
    return 0;
  });
}

function chartOf(by: string, counts: Count[]): string {
  const bars = barsOf(
    counts.map(({ waiting }) => waiting),
    BAR_COLUMNS,
  );
  const rows = counts.map(({ of, waiting }, place) => [of, waiting, bars[place]]);
  const inAll = counts.reduce((sum, { waiting }) => sum + waiting, 0);
  return `${tableOf([by, 'waiting', ''], rows)}\n${inAll} waiting in all`;
}
