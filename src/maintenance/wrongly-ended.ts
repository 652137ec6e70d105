import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Hold } from '../delivery/hold/hold';
import { findNotEnded } from '../delivery/ledger/not-ended';
import { MessageError } from '../message/admission';
import { deliveryIdOf, errorNames } from '../message/contract';
import { isFetched, LAST_FOLLOWS_MS } from '../message/wake';
import type { DatabaseClock } from '../platform/database/clock';
import { acquireNextLease } from '../platform/database/lease';
import { type BackgroundLoop, runInBackground } from '../platform/loops/background-loop';
import { messageFields, withErrorContext } from '../platform/telemetry/error-context';
import type { Metrics } from '../platform/telemetry/metrics';
import { describe } from '../producing/describe';
import type { MessageStatus } from '../producing/message-status';
import { type RunWithMessage, runsWithMessages } from '../producing/runs-with-messages';
import { startRun } from '../producing/start-run';
import { type HistoryEvent, UnreadableMessage, type Waiting } from '../producing/waiting-runs';
import type { Topic } from '../topics/topic';
import { createRescue } from './rescue';

export interface EndingsLimits {
  /** So long after its due time a run is looked at. */
  afterDueMs: number;
  /** Pause between two looks. */
  everyMs: number;
}

// No run takes a decision that it is told once it has woken by itself. Visibility may be a few seconds behind.
const LIMITS: EndingsLimits = { afterDueMs: LAST_FOLLOWS_MS + 60_000, everyMs: 60_000 };
// How far back the first look goes, and one after all workers were away.
const FIRST_MS = 3_600_000;
const FARTHEST_MS = 86_400_000;
const AT_ONCE = 10;

type EndedRun = Pick<RunWithMessage, 'message'> & { run: MessageStatus & { dueAt: string } };
type WronglyEnded = EndedRun & { isUndecided: boolean };

/**
 * Finds messages whose run took a decision that it was told and that the ledger does not have, and brings them to the ledger: it starts
 * their run anew, or lands them if another run has their name by now. Workers tell runs the decision by a signal, and any client can
 * send one. A run started anew asks the ledger, so a false alarm changes nothing. Topics with business rows do not need it, as their
 * rows say what has not landed.
 */
export function startSweepOfEndings(
  deps: {
    pool: Pool;
    client: Client;
    clock: Pick<DatabaseClock, 'now'>;
    waiting: Pick<Waiting, 'deliveryOf'>;
    metrics: Pick<Metrics, 'rescued'>;
    log: Pick<Logger, 'warn'>;
    onError(error: unknown): void;
  },
  hold: Pick<Hold, 'takeOver'>,
  topic: Topic,
  { afterDueMs, everyMs }: EndingsLimits = LIMITS,
): BackgroundLoop {
  const { pool, client, clock, waiting, metrics, log, onError } = deps;
  const rescue = createRescue(deps, hold, topic, { everyMs });
  const stopping = new AbortController();
  // Found, and to be looked at again: another run has their name, or Temporal gave no answer.
  const unsettled = new Map<string, EndedRun>();
  // A look that fails is made again from where it began.
  let failedFrom = Number.POSITIVE_INFINITY;

  async function wronglyEnded(runs: EndedRun[]): Promise<WronglyEnded[]> {
    const cycles = runs.map(({ run: { tenant, key, cycle = 1, dueAt }, message }) => {
      return { tenant, key, cycle, dueAt, postId: message?.postId };
    });
    const notEnded = await findNotEnded(pool, topic.name, cycles);
    return notEnded.map(({ place, isUndecided }) => ({ ...(runs[place] as EndedRun), isUndecided }));
  }

  /** Resolves with whether the run needs no other look. */
  async function bringToLedger({ run, isUndecided }: WronglyEnded): Promise<boolean> {
    try {
      const { delivery, datedAt, events } = await waiting.deliveryOf(run);
      const { message } = delivery;
      if (message.topic !== topic.name || !isFetched(message) || !hasBeenTold(events)) return true;
      // Asleep no more, it takes nothing that it is told.
      const { inBurst: _inBurst, bySets: _bySets, ...awake } = message;
      if (!(await startRun(client, awake, { commandId: run.scheduledBy, over: true, datedAt }))) {
        // Its next cycle waits, or the message itself does: this worker or another one has started it.
        if (!isUndecided || (await describe(client, message))?.cycle === message.cycle) return true;
        if (!rescue.backoff.isBackingOff(deliveryIdOf(delivery))) await rescue.land([delivery], 'wronglyEnded');
        return false;
      }
      metrics.rescued(topic.name, 'wronglyEnded', 1);
      log.warn({ part: 'sweep', ...messageFields(message), reason: 'wronglyEnded' }, 'rescued');
      return true;
    } catch (error) {
      // It never was a message, and has failed in sight.
      if (error instanceof UnreadableMessage || error instanceof MessageError) return true;
      onError(withErrorContext(error, run));
      return false;
    }
  }

  async function settle(runs: EndedRun[]): Promise<void> {
    const open = await wronglyEnded(runs);
    const isOver = await pMap(open, bringToLedger, { concurrency: AT_ONCE });
    for (const { run } of runs) unsettled.delete(run.runId);
    for (const [place, one] of open.entries()) if (!isOver[place]) unsettled.set(one.run.runId, one);
  }

  async function look(): Promise<'idle'> {
    rescue.backoff.prune();
    const lease = await acquireNextLease(pool, `sweep of endings: ${topic.name}`, everyMs);
    if (!lease) return 'idle';
    const dueTo = Math.round(clock.now() - afterDueMs);
    // The worker of the look before may have died in it. So each is looked at twice.
    const backMs = Math.min(FARTHEST_MS, (lease.beforeMs ?? FIRST_MS) + everyMs);
    const dueFrom = Math.min(failedFrom, Math.round(dueTo - backMs));
    failedFrom = dueFrom;
    await settle([...unsettled.values()]);
    for (const state of ['ended', 'failed'] as const) {
      const pages = runsWithMessages(client, { topic: topic.name, state, dueFrom, dueTo }, NAMED_ELSEWHERE);
      for await (const page of pages) {
        if (stopping.signal.aborted) return 'idle';
        await settle(page.filter(mayHaveBeenTold));
      }
    }
    failedFrom = Number.POSITIVE_INFINITY;
    return 'idle';
  }

  const loop = runInBackground(look, { pauseMs: everyMs, onError });
  return {
    ...loop,
    stop() {
      stopping.abort();
      return loop.stop();
    },
  };
}

// Doctor and lists name what they cannot read.
const NAMED_ELSEWHERE = { onUnreadable: () => undefined };

/** A message without a copy in its memo may sleep beyond its due time, too: any client can start one. */
const mayHaveBeenTold = (one: RunWithMessage): one is EndedRun =>
  one.run.dueAt !== undefined && (one.message === undefined || isFetched(one.message));

/** Whether the run has ended as landed, and no worker has given it the decision. */
function hasBeenTold(events: HistoryEvent[]): boolean {
  const end = events.at(-1);
  const failure = end?.workflowExecutionFailedEventAttributes?.failure?.applicationFailureInfo?.type;
  const asLanded = Boolean(end?.workflowExecutionCompletedEventAttributes) || failure === errorNames.deliveryFailed;
  return asLanded && !events.some((event) => event.activityTaskCompletedEventAttributes);
}
