import type { Pool } from 'pg';
import { isWithdrawn } from '../../../message/decision';
import { STABLE } from '../../../message/lane-name';
import { createPool } from '../../../platform/database/pool';
import { type BackgroundLoop, runInBackground, stoppedTogether } from '../../../platform/loops/background-loop';
import { withErrorContext } from '../../../platform/telemetry/error-context';
import { errorFields } from '../../../platform/telemetry/log-errors';
import type { Topic } from '../../../topics/topic';
import { compare } from './compare';
import { type Comparison, recordComparison } from './comparisons';
import { snapshotCopies } from './row-snapshots';
import {
  type DueCopy,
  type EventsByType,
  readStableEvents,
  type StableDecision,
  takeDueCopies,
} from './stable-decisions';
import { tryMessage } from './trial';

// A message's rows are read within the second before it is due: several rounds fit into that.
const SNAPSHOT_EVERY_MS = 200;
const TRY_EVERY_MS = 250;

export interface ShadowDeps {
  /** For the shadow's own tables; needs at least two connections. */
  pool: Pool;
  /** For the trials' own connection. Its transactions are never committed. */
  databaseUrl: string;
  /** This process's build, recorded with its comparisons. */
  build?: string;
  onError(error: unknown): void;
}

/**
 * Tries the due messages of these topics with this process's handlers, commits nothing, and compares the results with
 * what stable did. It works on one message at a time, after stable. Processes share the work.
 */
export function startShadow(deps: ShadowDeps, topics: Topic[], lane: string): Pick<BackgroundLoop, 'stop'> {
  const { pool, onError } = deps;
  // A broken connection also fails its trial, which reports the error.
  const trials = createPool(deps.databaseUrl, { connections: 1, onError: () => undefined });
  const tried = topics.filter(({ forward }) => !forward);
  const stopping = new AbortController();
  const shadow = { ...deps, trials, signal: stopping.signal };
  // Two loops: a hanging handler must not delay reading the rows of the next message.
  const loops = stoppedTogether([
    runInBackground(
      forEachTopic(tried, (topic) => snapshotCopies(pool, topic, lane)),
      {
        pauseMs: SNAPSHOT_EVERY_MS,
        onError,
      },
    ),
    runInBackground(
      forEachTopic(tried, (topic) => tryDueCopies(shadow, topic, lane)),
      {
        pauseMs: TRY_EVERY_MS,
        onError,
      },
    ),
  ]);
  let stopped: Promise<void> | undefined;
  async function end(): Promise<void> {
    stopping.abort();
    await loops.stop();
    await trials.end();
  }
  // A worker calls this twice: when it is told to stop, and when it closes.
  return { stop: () => (stopped ??= end()) };
}

/**
 * Does a piece of work for each topic. An error in one topic, for example in reading its rows, does not stop the
 * others.
 */
const forEachTopic =
  (topics: Topic[], work: (topic: Topic) => Promise<'more' | 'idle'>) => async (): Promise<'more' | 'idle'> => {
    const results = [];
    for (const topic of topics) {
      const failed = (error: unknown) => ({ error: withErrorContext(error, { topic: topic.name }) });
      results.push(await work(topic).catch(failed));
    }
    // The loop reports the first error, and pauses.
    for (const one of results) if (typeof one === 'object') throw one.error;
    return results.includes('more') ? 'more' : 'idle';
  };

/** Tries a few copies that stable has decided. Aborting `signal` leaves the rest to other processes. */
export async function tryDueCopies(
  deps: Omit<ShadowDeps, 'databaseUrl'> & { trials: Pool; signal?: AbortSignal },
  topic: Topic,
  lane: string,
): Promise<'more' | 'idle'> {
  const { pool, build, onError, signal } = deps;
  const copies = await takeDueCopies(pool, topic.name, lane);
  const events = await readStableEvents(pool, copies);
  for (const [place, copy] of copies.entries()) {
    if (signal?.aborted) break;
    try {
      const comparison = await compareCopy(deps, topic, copy, events[place] as EventsByType);
      await recordComparison(pool, copy, comparison, build);
    } catch (error) {
      // The copy stays taken, and is tried again once that has expired.
      onError(withErrorContext(error, copy.delivery.message));
    }
  }
  return copies.length > 0 ? 'more' : 'idle';
}

async function compareCopy(
  deps: Pick<ShadowDeps, 'pool' | 'onError'> & { trials: Pool },
  topic: Topic,
  copy: DueCopy,
  events: EventsByType,
): Promise<Comparison> {
  const { decision } = copy;
  if (!decision) return { notCompared: 'undecided' };
  if (isWithdrawn(decision.outcome)) return { notCompared: 'withdrawn' };
  if (decision.lane !== STABLE) return { notCompared: 'notByStable' };
  if (!decision.readInTime) return { notCompared: 'readTooLate' };
  const tried = await tryMessage(deps, topic, { ...copy, decision });
  if ('notCompared' in tried) {
    return { notCompared: tried.notCompared, because: tried.because ? errorFields(tried.because) : undefined };
  }
  if ('failed' in tried) return { failed: errorFields(tried.failed), rowsCompared: false };
  const stable = { answer: answerOf(decision), events };
  return { differences: compare(topic, stable, tried.trial), rowsCompared: tried.trial.rows !== undefined };
}

const answerOf = ({ outcome, nextDueAt, reason }: StableDecision) => ({ outcome, nextDueAt, reason });
