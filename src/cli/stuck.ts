import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import { workflowIdOf } from '../message/contract';
import { findFailingRuns } from '../operating/failing-tasks';
import { findRefusedMessages, findStuckMessages, type StuckMessage } from '../operating/stuck';
import { findUnservedTopics } from '../operating/unserved-topics';
import type { Queryable } from '../platform/database/pool';
import type { UnreadableRun } from '../producing/message-status';
import type { Topic } from '../topics/topic';
import { withClient, withPool } from './connections';
import { type ExitCode, run } from './exit';
import { positive, withExample } from './options';
import { oneLine, print, printJson } from './output';

export const addStuck = (program: Command, topics: Topic[]) =>
  withExample(
    program
      .command('stuck')
      .description('what is past its due time or cannot go on, and why; exit code 1 if there is any')
      .option('--tenant <tenant>', 'of this tenant only')
      .option('--grace-seconds <number>', 'past its due time by more than this', positive, 60),
    'stuck --tenant acme',
  ).action((options: { tenant?: string; graceSeconds: number; json?: boolean }) =>
    run(withPool((pool) => withClient((client) => printStuck({ pool, client }, topics, options)))),
  );

async function printStuck(
  { pool, client }: { pool: Queryable; client: Client },
  topics: Topic[],
  { tenant, graceSeconds, json }: { tenant?: string; graceSeconds: number; json?: boolean },
): Promise<ExitCode> {
  const found: object[] = [];
  const report = (one: object, line: string) => {
    found.push(one);
    if (!json) print(line);
  };
  const reported = new Set<string>();
  const onUnreadable = (run: UnreadableRun) => {
    if (!reported.has(run.runId)) report(run, `${oneLine(run.workflowId)}  unreadable: ${run.unreadable}`);
    reported.add(run.runId);
  };
  const lineOf = ({ dueAt, topic, tenant: of, key, why, detail }: StuckMessage) =>
    `${dueAt}  ${topic}  ${of}/${key}  ${why}: ${oneLine(detail)}`;
  for (const { name: topic } of topics) {
    const overdue = { topic, tenant, graceMs: graceSeconds * 1_000, onUnreadable };
    for await (const one of findStuckMessages(client, overdue)) {
      reported.add(workflowIdOf(one));
      report(one, lineOf(one));
    }
    for (const one of await findRefusedMessages(pool, overdue)) report(one, lineOf(one));
  }
  for (const { detail, ...run } of await findFailingRuns(client, { tenant })) {
    if (reported.has(run.workflowId)) continue;
    report({ ...run, why: 'workflowFails', detail }, `${oneLine(run.workflowId)}  workflowFails: ${oneLine(detail)}`);
  }
  for await (const one of findUnservedTopics(client, { topics: topics.map(({ name }) => name), tenant })) {
    report(one, `${one.topic}  ${one.why}: ${one.detail}`);
  }
  if (json) printJson(found);
  return found.length > 0 ? 1 : 0;
}
