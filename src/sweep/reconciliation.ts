import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { type BackgroundLoop, runInBackground, stoppedTogether } from '../background-loop';
import { acquireLease } from '../lease';
import type { Topic } from '../topic';
import { reconcile } from './reconcile';
import { hasRows, type TopicWithRows } from './waiting-rows';

const EVERY_MS = 3_600_000;
// A worker that starts, perhaps with many others, has better things to do at first.
const LOOK_MS = 60_000;
// A small part of what Temporal takes on two cores.
const PER_SECOND = 10;

/** Reconciles rows and workflows of every topic with rows, once an hour, in one worker; tells what it found. */
export function startReconciliation(
  deps: { pool: Pool; client: Client; onFound(topic: string, found: object): void; onError(error: unknown): void },
  topics: Topic[],
): Pick<BackgroundLoop, 'stop'> {
  const { pool, client, onFound, onError } = deps;
  const startedAt = Date.now();

  async function look(topic: TopicWithRows): Promise<'idle'> {
    if (Date.now() < startedAt + LOOK_MS || !(await acquireLease(pool, `reconcile: ${topic.name}`, EVERY_MS)))
      return 'idle';
    const { started, ended, unusable, refused } = await reconcile({ pool, client }, topic, { perSecond: PER_SECOND });
    const found = { started: started.length, ended: ended.length, unusable: unusable.length, refused };
    if (found.started + found.ended + found.unusable > 0 || refused) onFound(topic.name, found);
    return 'idle';
  }

  const loops = topics
    .filter(hasRows)
    .map((topic) => runInBackground(() => look(topic), { pauseMs: LOOK_MS, onError }));
  return stoppedTogether(loops);
}
