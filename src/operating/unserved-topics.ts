import type { Client } from '@temporalio/client';
import { deliveryTaskQueue } from '../message/contract';
import { countWaiting } from '../producing/counts';
import { firstDueAt } from '../producing/first-due';
import { list, type Selection } from '../producing/list';
import { readPollers } from './pollers';

/** A topic with waiting messages, and without a worker that would deliver them. `firstDueAt` is RFC 3339. */
export interface UnservedTopic {
  topic: string;
  why: 'notServed';
  waiting: number;
  firstDueAt?: string;
  detail: string;
}

// Topics that are not installed here. A producer that makes one up for each message would have more.
const MOST_UNKNOWN = 100;

/**
 * Finds the topics of waiting messages whose deliveries no worker polls for: those installed here, and those that are only
 * known by their messages. A worker that was just killed still counts for a minute.
 */
export async function* findUnservedTopics(
  client: Client,
  { topics, tenant }: { topics: string[]; tenant?: string },
): AsyncGenerator<UnservedTopic> {
  const unknown = await findOtherTopics(client, topics, tenant);
  for (const topic of [...topics, ...unknown]) {
    const selection = { topic, tenant };
    const waiting = await countWaiting(client, selection);
    if (waiting === 0) continue;
    const { polling, lastPolledMs } = await readPollers(client, deliveryTaskQueue(topic), 'deliveries');
    if (polling.length > 0) continue;
    const polled = lastPolledMs === undefined ? 'by nobody' : `last ${Math.round(lastPolledMs / 1_000)} s ago`;
    const here = topics.includes(topic) ? '' : ', not installed here';
    const due = await firstDueAt(client, selection);
    const detail = `${waiting} ${waiting === 1 ? 'message waits' : 'messages wait'}${due ? `, the first due ${due}` : ''}; polled ${polled}${here}`;
    yield { topic, why: 'notServed', waiting, firstDueAt: due, detail };
  }
}

/** The topics of waiting messages, without the known ones. Temporal cannot group by our attributes. */
async function findOtherTopics(client: Client, known: string[], tenant: string | undefined): Promise<string[]> {
  const found: string[] = [];
  while (found.length < MOST_UNKNOWN) {
    const others: Selection = { state: 'waiting', tenant, notTopics: [...known, ...found] };
    const { value: next } = await list(client, others).next();
    if (!next) break;
    found.push(next.topic);
  }
  return found.sort();
}
