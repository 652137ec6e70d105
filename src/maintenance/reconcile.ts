import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { cancel, describe, schedule } from '../client';
import { askingForYearOf, MessageError, refuseRef } from '../message/admission';
import type { MessageRef, ScheduledMessage } from '../message/contract';
import { occurrenceOf } from '../message/occurrence';
import type { Progress } from '../platform/loops/progress';
import { countWaiting } from '../producing/counts';
import { list } from '../producing/list';
import type { UnreadableRun } from '../producing/message-status';
import { OvertakenError } from '../producing/overtaken-error';
import { countUndecidedRows, findWithoutRow, listUndecidedRows, type TopicWithRows } from '../topics/business-rows';

export interface ReconcileOptions {
  /** The most workflows that are started or ended in a second. */
  perSecond: number;
  /** Finds the differences, and changes nothing. */
  dryRun?: boolean;
  /** Ends all workflows without a row, even if they are suspiciously many. */
  force?: boolean;
  /** Reports the rows, then the workflows, then the workflows that are ended. */
  progress?: Progress;
}

export interface Reconciled {
  /** Rows without a waiting workflow. A workflow was started for each. */
  started: MessageRef[];
  /** Waiting workflows without a row. Each was cancelled, with `NO_ROW` as its reason. */
  ended: MessageRef[];
  /** Rows whose messages others changed all the time. The next round tries them again. */
  overtaken: MessageRef[];
  /** Rows of which no message can be made: their tenant, key, due time or payload is refused. */
  unusable: MessageRef[];
  /** Waiting workflows of which something cannot be read. None of them was ended. */
  unreadable: UnreadableRun[];
  /**
   * No workflow was ended, as too many have no row: the rows, or the topic's `businessRows` query, are likely wrong.
   */
  refused?: { withoutRow: number; waiting: number };
}

/** The reason in the ledger of a message that reconciling has ended. */
export const NO_ROW = 'no row waits for it';

// Keys a page: 100 of them make a visibility query of about 10 KB.
const PAGE = 100;
// Up to 10 workflows may always be ended; of more, at most a tenth of those that wait.
const FEW = 10;

/**
 * Reconciles the rows and workflows of a topic: starts missing workflows, ends workflows without a row. They disagree
 * after Temporal was down at posting, after an operator has terminated workflows, or after one of the two databases was
 * restored. Safe to run at any time, repeatedly and concurrently.
 */
export async function reconcile(
  { pool, client }: { pool: Pool; client: Client },
  topic: TopicWithRows,
  options: ReconcileOptions,
): Promise<Reconciled> {
  const { perSecond, dryRun = false, force = false, progress } = options;
  const atRate = async (work: () => Promise<unknown>) => {
    if (!dryRun) await Promise.all([work(), pause(1_000 / perSecond)]);
  };
  const started: MessageRef[] = [];
  const overtaken: MessageRef[] = [];
  const unusable: MessageRef[] = [];
  // Without `progress` neither the call nor the count is made: `?.` skips the arguments as well.
  progress?.begin(`rows of ${topic.name}`, await countUndecidedRows(pool, topic));
  for await (const message of rowsWithoutWorkflow({ pool, client, progress }, topic, unusable)) {
    const { tenant, key, cycle, dueAt, payload } = message;
    const post = { topic, tenant, key, cycle, dueAt, ...askingForYearOf(dueAt), payload: payload as never };
    try {
      await atRate(() => schedule(client, post, { onConflict: 'keep', occurrence: occurrenceOf(message) }));
      started.push(message);
    } catch (error) {
      // One row's fault is no reason to leave out the rows behind it. Any other error is Temporal's.
      if (error instanceof OvertakenError) overtaken.push(refOf(message));
      else if (error instanceof MessageError) unusable.push(refOf(message));
      else throw error;
    }
  }
  const { orphans, unreadable, waiting } = await workflowsWithoutRow({ pool, client, progress }, topic);
  if (!force && orphans.length > Math.max(FEW, waiting / 10)) {
    return { started, ended: [], overtaken, unusable, unreadable, refused: { withoutRow: orphans.length, waiting } };
  }
  progress?.begin(`without a row, of ${topic.name}`, orphans.length);
  for (const ref of orphans) {
    await atRate(() => cancel(client, ref, { reason: NO_ROW }));
    progress?.done();
  }
  return { started, ended: orphans, overtaken, unusable, unreadable };
}

interface Deps {
  pool: Pool;
  client: Client;
  progress?: Progress;
}

async function* rowsWithoutWorkflow(
  { pool, client, progress }: Deps,
  topic: TopicWithRows,
  unusable: MessageRef[],
): AsyncGenerator<ScheduledMessage> {
  let after = { tenant: '', key: '' };
  for (;;) {
    const page = await listUndecidedRows(pool, topic, { after, limit: PAGE });
    const usable = page.filter((message) => refuseRef(message) === undefined);
    const known = new Set<string>();
    if (usable.length > 0) {
      const keys = usable.map(({ key }) => key);
      for await (const run of list(client, { topic: topic.name, keys, state: 'waiting' })) known.add(nameOf(run));
    }
    for (const message of page) {
      if (refuseRef(message) !== undefined) unusable.push(message);
      // Visibility may be behind; `describe` is not.
      else if (!known.has(nameOf(message)) && (await describe(client, message))?.state !== 'waiting') yield message;
      progress?.done();
    }
    if (page.length < PAGE) return;
    after = page.at(-1) as ScheduledMessage;
  }
}

async function workflowsWithoutRow({ pool, client, progress }: Deps, topic: TopicWithRows) {
  progress?.begin(`workflows of ${topic.name}`, await countWaiting(client, { topic: topic.name }));
  const orphans: MessageRef[] = [];
  const unreadable: UnreadableRun[] = [];
  const onUnreadable = (run: UnreadableRun) => unreadable.push(run);
  let waiting = 0;
  let page: MessageRef[] = [];
  const checkPage = async () => {
    orphans.push(...(await findWithoutRow(pool, topic, page)));
    waiting += page.length;
    page = [];
  };
  const all = list(client, { topic: topic.name, state: 'waiting' }, { onUnreadable });
  for await (const { tenant, key, unreadable: problem } of all) {
    // No workflow worker may be able to answer its cancel.
    if (problem === undefined) page.push({ topic: topic.name, tenant, key });
    if (page.length === PAGE) await checkPage();
    progress?.done();
  }
  await checkPage();
  return { orphans, unreadable, waiting };
}

const refOf = ({ topic, tenant, key }: MessageRef): MessageRef => ({ topic, tenant, key });
const nameOf = ({ tenant, key }: { tenant: string; key: string }) => `${tenant}/${key}`;
