import type { Pool } from 'pg';
import { type BackgroundLoop, runInBackground, stoppedTogether } from '../../background-loop';
import { concerning } from '../../concern';
import { createPool } from '../../database';
import { isWithdrawn } from '../../decision';
import { errorFields } from '../../log-errors';
import type { Topic } from '../../topic';
import { STABLE } from '../lane';
import { compare } from './compare';
import { type Comparison, recordComparison } from './comparisons';
import { pictureCopies } from './pictures';
import { type EventsByType, type RipeCopy, readStablesEvents, type StableDecision, takeRipe } from './stables';
import { tryMessage } from './trial';

// Several times within the second before a message is due, in which its rows are read.
const PICTURE_EVERY_MS = 200;
const TRY_EVERY_MS = 250;

export interface ShadowDeps {
  /** For the shadow's own tables; at least two connections of it are in use at times. */
  pool: Pool;
  /** Handlers are tried on connections of their own, in transactions that are never committed. */
  databaseUrl: string;
  /** Which build this is, to be shown with what it did. */
  build?: string;
  onError(error: unknown): void;
}

/**
 * Tries the due messages of these topics with this process's handlers, of which nothing is ever committed, and compares what
 * they would have done with what stable did. It works on one message at a time, after stable; processes share the work.
 */
export function startShadow(deps: ShadowDeps, topics: Topic[], lane: string): Pick<BackgroundLoop, 'stop'> {
  const { pool, onError } = deps;
  // What breaks one of its connections fails the trial as well, and is told there.
  const trials = createPool(deps.databaseUrl, { connections: 1, onError: () => undefined });
  const tried = topics.filter(({ forward }) => !forward);
  const stopping = new AbortController();
  const shadow = { ...deps, trials, signal: stopping.signal };
  // Two loops: a handler that hangs must not make the rows of the next message be read too late.
  const loops = stoppedTogether([
    runInBackground(
      inEach(tried, (topic) => pictureCopies(pool, topic, lane)),
      {
        pauseMs: PICTURE_EVERY_MS,
        onError,
      },
    ),
    runInBackground(
      inEach(tried, (topic) => tryRipe(shadow, topic, lane)),
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
  // A worker that is told to stop does so, and awaits it once more when it closes.
  return { stop: () => (stopped ??= end()) };
}

/** Does a piece of work of each topic; one whose rows cannot be read, for example, keeps no other from it. */
const inEach =
  (topics: Topic[], work: (topic: Topic) => Promise<'more' | 'idle'>) => async (): Promise<'more' | 'idle'> => {
    const results = [];
    for (const topic of topics) {
      const failed = (error: unknown) => ({ error: concerning(error, { topic: topic.name }) });
      results.push(await work(topic).catch(failed));
    }
    // Reported where the loop then pauses.
    for (const one of results) if (typeof one === 'object') throw one.error;
    return results.includes('more') ? 'more' : 'idle';
  };

/** Tries a few copies of a topic, if stable has decided any. Aborting `signal` leaves the rest of them to other processes. */
export async function tryRipe(
  deps: Omit<ShadowDeps, 'databaseUrl'> & { trials: Pool; signal?: AbortSignal },
  topic: Topic,
  lane: string,
): Promise<'more' | 'idle'> {
  const { pool, build, onError, signal } = deps;
  const copies = await takeRipe(pool, topic.name, lane);
  const events = await readStablesEvents(pool, copies);
  for (const [place, copy] of copies.entries()) {
    if (signal?.aborted) break;
    try {
      const comparison = await compareCopy(deps, topic, copy, events[place] as EventsByType);
      await recordComparison(pool, copy, comparison, build);
    } catch (error) {
      // It was taken, and is tried again when it has been for a while.
      onError(concerning(error, copy.delivery.message));
    }
  }
  return copies.length > 0 ? 'more' : 'idle';
}

async function compareCopy(
  deps: Pick<ShadowDeps, 'pool' | 'onError'> & { trials: Pool },
  topic: Topic,
  copy: RipeCopy,
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
