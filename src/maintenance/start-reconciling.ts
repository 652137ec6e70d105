import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { acquireLease } from '../platform/database/lease';
import { type BackgroundLoop, runInBackground, stoppedTogether } from '../platform/loops/background-loop';
import type { UnreadableRun } from '../producing/message-status';
import { hasRows, type TopicWithRows } from '../topics/business-rows';
import type { Topic } from '../topics/topic';
import { reconcile } from './reconcile';

const EVERY_MS = 3_600_000;
// Also the wait after the start: a starting worker, perhaps one of many, first has messages to deliver.
const PAUSE_MS = 60_000;
// A small part of the rate that Temporal sustains on two cores.
const PER_SECOND = 10;

/** Reconciles every topic with business rows once an hour, in one worker, and reports differences to `onFound`. */
export function startReconciliation(
  deps: {
    pool: Pool;
    client: Client;
    onFound(topic: string, found: object): void;
    onUnreadable(run: UnreadableRun): void;
    onError(error: unknown): void;
  },
  topics: Topic[],
): Pick<BackgroundLoop, 'stop'> {
  const { pool, client, onFound, onUnreadable, onError } = deps;
  const startedAt = Date.now();

  async function reconcileOnce(topic: TopicWithRows): Promise<'idle'> {
    if (Date.now() < startedAt + PAUSE_MS || !(await acquireLease(pool, `reconcile: ${topic.name}`, EVERY_MS)))
      return 'idle';
    const { started, ended, overtaken, unusable, unreadable, refused } = await reconcile({ pool, client }, topic, {
      perSecond: PER_SECOND,
    });
    for (const run of unreadable) onUnreadable(run);
    const counts = { started: started.length, ended: ended.length, overtaken: overtaken.length };
    const found = { ...counts, unusable: unusable.length, refused };
    if (found.started + found.ended + found.overtaken + found.unusable > 0 || refused) onFound(topic.name, found);
    return 'idle';
  }

  const loops = topics
    .filter(hasRows)
    .map((topic) => runInBackground(() => reconcileOnce(topic), { pauseMs: PAUSE_MS, onError }));
  return stoppedTogether(loops);
}
