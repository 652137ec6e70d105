import { setImmediate } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { ScheduledMessage } from '../message/contract';
import { MESSAGE_IN_MEMO, messageOfMemo } from '../message/memo';
import { isSelected, queryOf, type Selection } from './list';
import { type MessageStatus, memoValueOf, statusOf, type UnreadableRun } from './message-status';
import { listRecords, type RunRecord } from './run-records';

/** A run, with the message that its memo carries. */
export interface RunWithMessage {
  run: MessageStatus;
  /** Undefined if the message is too large for a memo, was posted before memos carried it, or does not fit its run. */
  message?: ScheduledMessage;
}

// The first of them are held while the others are asked for. Temporal gives a thousand at most.
const PAGE = 500;
// What is due meanwhile waits for as long as these are decoded: a few milliseconds.
const AT_ONCE = 50;

/** The selected runs with their messages, page by page, the latest started first. No run is read by itself. */
export async function* runsWithMessages(
  client: Client,
  selection: Selection,
  { onUnreadable }: { onUnreadable(run: UnreadableRun): void },
): AsyncGenerator<RunWithMessage[]> {
  const query = queryOf(selection);
  let from: Uint8Array | undefined;
  do {
    const { records, next } = await listRecords(client, query, { limit: PAGE, from });
    const page: (RunWithMessage | { run: UnreadableRun })[] = [];
    for (let first = 0; first < records.length; first += AT_ONCE) {
      page.push(...(await Promise.all(records.slice(first, first + AT_ONCE).map((record) => read(client, record)))));
      await setImmediate();
    }
    for (const { run } of page) if (run.unreadable !== undefined) onUnreadable(run as UnreadableRun);
    yield page.filter((one): one is RunWithMessage => 'topic' in one.run && isSelected(one.run, selection));
    from = next;
  } while (from);
}

async function read(client: Client, record: RunRecord): Promise<RunWithMessage | { run: UnreadableRun }> {
  const run = await statusOf(client, record);
  return 'topic' in run ? { run, message: await messageIn(client, record, run) } : { run };
}

/**
 * The message in a run's memo. Memo, cycle and due time are written together by each start and each continue-as-new: a memo
 * that differs from the others is of another cycle, or of a client that does not know what it writes.
 */
async function messageIn(client: Client, record: RunRecord, run: MessageStatus): Promise<ScheduledMessage | undefined> {
  const memo = await memoValueOf(client, record, MESSAGE_IN_MEMO);
  const message = memo && messageOfMemo(memo.value, run, Date.now());
  const fits = message && message.cycle === run.cycle && message.dueAt === Date.parse(run.dueAt ?? '');
  // Written by a newer release: it waits for a worker that can read it.
  return fits && !(message.v > 1) ? message : undefined;
}
