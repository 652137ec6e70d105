import { type Command, Option } from 'commander';
import { list } from '../client';
import { queryOf } from '../producing/list';
import { MESSAGE_STATES, type MessageStatus, type UnreadableRun } from '../producing/message-status';
import { withClient } from './connections';
import { type ExitCode, run } from './exit';
import { DUE, dueTime, wholeFromOne, withExample } from './options';
import { oneLine, print, printJson } from './output';
import { tableOf } from './table';

interface Options {
  topic?: string;
  tenant?: string;
  state?: MessageStatus['state'];
  dueFrom?: string;
  dueTo?: string;
  limit: number;
  json?: boolean;
}

const EXAMPLE = 'list --tenant acme --state waiting --due-to +1d';

export function addList(program: Command): void {
  const command = program
    .command('list')
    .description('messages as Temporal has them; what happened a second ago may be missing')
    .option('--topic <topic>', 'of this topic only')
    .option('--tenant <tenant>', 'of this tenant only')
    .addOption(new Option('--state <state>', 'in this state only').choices(MESSAGE_STATES))
    .option('--due-from <instant>', `due at or after this: ${DUE}`)
    .option('--due-to <instant>', `due before this: ${DUE}`)
    .option('--limit <number>', 'at most so many', wholeFromOne, 100);
  withExample(command, EXAMPLE).action((options: Options) => run(listSelected(options)));
}

async function listSelected({ topic, tenant, state, limit, json, ...due }: Options): Promise<ExitCode> {
  const dueFrom = due.dueFrom === undefined ? undefined : dueTime(due.dueFrom);
  const dueTo = due.dueTo === undefined ? undefined : dueTime(due.dueTo);
  const selection = { topic, tenant, state, dueFrom, dueTo };
  // Refuses bad input before it connects.
  queryOf(selection);
  return withClient(async (client) => {
    const found: MessageStatus[] = [];
    let more = false;
    const unreadable: UnreadableRun[] = [];
    const onUnreadable = (run: UnreadableRun) => unreadable.push(run);
    for await (const one of list(client, selection, { onUnreadable })) {
      more = found.length === limit;
      if (more) break;
      found.push(one);
    }
    found.sort((one, two) => (one.dueAt ?? '').localeCompare(two.dueAt ?? ''));
    if (json) printJson(found);
    else {
      const rows = found.map((one) => [one.dueAt, one.state, one.cycle, one.topic, `${one.tenant}/${one.key}`]);
      if (found.length > 0) print(tableOf(['due', 'state', 'cycle', 'topic', 'message'], rows));
      if (found.length === 0) print('no messages');
      for (const run of unreadable) print(oneLine(`not all can be read of ${run.workflowId}: ${run.unreadable}`));
      if (more) print(`the first ${limit} that Temporal named; --limit shows more`);
    }
    return 0;
  });
}
