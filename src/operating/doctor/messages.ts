import type { Client } from '@temporalio/client';
import { listPage } from '../../producing/list';
import { findFailingRuns } from '../failing-tasks';
import { findUnservedTopics } from '../unserved-topics';
import { type Check, type Found, fail, ok, warn } from './finding';

// The newest of the waiting messages that are read.
const READ = 1_000;
// So many are named; the others are counted.
const NAMED = 5;

export const MESSAGE_CHECKS = ['served topics', 'workflow tasks', 'readable messages'];

/** Checks that each waiting message can be read, run and delivered by some worker. */
export const messageChecks = (client: Client, topics: { name: string }[]): Check[] => [
  { name: 'served topics', run: () => checkServed(client, topics) },
  { name: 'workflow tasks', run: () => checkTasks(client) },
  { name: 'readable messages', run: () => checkReadable(client) },
];

async function checkServed(client: Client, topics: { name: string }[]): Promise<Found> {
  const unserved: string[] = [];
  const all = findUnservedTopics(client, { topics: topics.map(({ name }) => name) });
  for await (const { topic, detail } of all) unserved.push(`${topic}: ${detail}`);
  if (unserved.length === 0) return ok('all topics of waiting messages have a worker');
  return fail(
    named(unserved),
    'start a worker that serves the topic; postdate list --topic, and cancel or move, if none will',
  );
}

async function checkTasks(client: Client): Promise<Found> {
  const failing = await findFailingRuns(client);
  if (failing.length === 0) return ok('no message fails at its first task');
  const says = named(failing.map(({ workflowId, detail }) => `${workflowId}: ${detail}`));
  return warn(says, 'no worker can run such a message: mend its producer, terminate it in Temporal, and post it again');
}

async function checkReadable(client: Client): Promise<Found> {
  const { unreadable, next } = await listPage(client, { state: 'waiting' }, { limit: READ });
  if (unreadable.length === 0) return ok(next ? `of the ${READ} newest, all` : 'all');
  const says = named(unreadable.map((run) => `${run.workflowId}: ${run.unreadable}`));
  return warn(says, 'mend the client that started it; lists, sweep and roll call go on without what cannot be read');
}

function named(all: string[]): string {
  const more = all.length - NAMED;
  return [...all.slice(0, NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}
