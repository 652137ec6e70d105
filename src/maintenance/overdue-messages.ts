import type { Hold } from '../delivery/hold/hold';
import { acquireLease, acquireLeases } from '../platform/database/lease';
import { type BackgroundLoop, runInBackground, stoppedTogether } from '../platform/loops/background-loop';
import { createSemaphore } from '../platform/loops/semaphore';
import { withErrorContext } from '../platform/telemetry/error-context';
import type { MessageStatus } from '../producing/message-status';
import type { Waiting } from '../producing/waiting-runs';
import type { Topic } from '../topics/topic';
import { createLandMissing, type LandMissing, type LandMissingDeps } from './land-missing';
import type { SweepLimits } from './overdue-rows';

// With the default grace 2.5 s: a message that no worker holds by then does not come in time by itself. Never less than a
// second, in which Temporal brings a message that has no lead.
const AFTER_GRACES = 1 / 4;
const MIN_AFTER_MS = 1_000;
// Each message is looked at several times while it grows later by this: visibility lags, and requests fail.
const RECENT_GRACES = 1;
// With the default interval every 2 s, and every 30 s.
const RECENT_INTERVALS = 2 / 5;
const OLDER_INTERVALS = 6;
// As many as Temporal answers at once.
const PAGE = 1_000;
// A burst of missing messages must not become a burst of requests to Temporal.
const READING_IN_ALL = 20;

/**
 * Lands overdue messages that no worker holds: their delivery was lost on its way to a worker, or Temporal is too busy to
 * wake them. The messages are read from Temporal, so topics need no business rows. Messages that became due a moment ago
 * come first, with one question to Temporal for all topics. A backlog of older ones is looked through beside that, each
 * topic by itself.
 */
export function startSweepOfMessages(
  deps: Omit<LandMissingDeps, 'reading' | 'signal'> & { waiting: Pick<Waiting, 'runs' | 'each'> },
  hold: Pick<Hold, 'takeOver'>,
  topics: Topic[],
  { graceMs, everyMs }: SweepLimits,
): Pick<BackgroundLoop, 'stop'> {
  const { pool, clock, waiting, onError } = deps;
  const [recentMs, olderMs] = [everyMs * RECENT_INTERVALS, everyMs * OLDER_INTERVALS];
  const over = new AbortController();
  const shared = { ...deps, reading: createSemaphore(READING_IN_ALL), signal: over.signal };
  const parts = topics.map((topic) => createLandMissing(shared, hold, topic, { everyMs }));
  const busy = new Map<LandMissing, Promise<void>>();
  const leaseOf = ({ topic }: LandMissing) => `sweep of messages: ${topic.name}`;

  /** From when to when, in epoch ms, what became due a moment ago was due. */
  function recently(): { dueFrom: number; dueTo: number } {
    const dueTo = Math.round(clock.now() - Math.max(MIN_AFTER_MS, graceMs * AFTER_GRACES));
    return { dueFrom: dueTo - Math.round(graceMs * RECENT_GRACES), dueTo };
  }

  async function sweepRecent(): Promise<'idle'> {
    const idle = parts.filter((part) => !busy.has(part));
    const leases = new Set(await acquireLeases(pool, idle.map(leaseOf), recentMs));
    const mine = idle.filter((part) => leases.has(leaseOf(part)));
    if (mine.length === 0) return 'idle';
    const window = recently();
    const runs = await waiting.runs({ topics: mine.map(({ topic }) => topic.name), ...window }, { limit: PAGE });
    // A topic with more than a page must not hide the messages of the others.
    const listed = async (topic: string) =>
      runs.length < PAGE ? runs.filter((run) => run.topic === topic) : waiting.runs({ topic, ...window });
    for (const part of mine) {
      const { name: topic } = part.topic;
      // No topic waits for the landings of another. A round ends in time for messages that have become due meanwhile.
      const work = listed(topic)
        .then((some) => part.landMissing(some, { untilAt: Date.now() + recentMs }))
        .catch((error) => onError(withErrorContext(error, { topic })))
        .finally(() => busy.delete(part));
      busy.set(part, work);
    }
    return 'idle';
  }

  async function sweepOlder(part: LandMissing): Promise<'idle'> {
    part.prune();
    if (!(await acquireLease(pool, `${leaseOf(part)}, older`, olderMs))) return 'idle';
    let page: MessageStatus[] = [];
    for await (const run of waiting.each({ topic: part.topic.name, dueTo: recently().dueFrom })) {
      if (over.signal.aborted) return 'idle';
      page.push(run);
      if (page.length < PAGE) continue;
      await part.landMissing(page);
      page = [];
    }
    await part.landMissing(page);
    return 'idle';
  }

  const older = parts.map((part) => runInBackground(() => sweepOlder(part), { pauseMs: olderMs, onError }));
  const loops = stoppedTogether([runInBackground(sweepRecent, { pauseMs: recentMs, onError }), ...older]);
  return {
    async stop() {
      over.abort();
      await loops.stop();
      await Promise.all(busy.values());
    },
  };
}
