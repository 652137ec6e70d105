import pMap from 'p-map';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { writeHeld } from '../delivery/held/held-rows';
import { findMissing } from '../delivery/held/not-held';
import type { Hold } from '../delivery/hold/hold';
import { type Delivery, deliveryIdOf } from '../message/contract';
import { STABLE } from '../message/lane-name';
import type { DatabaseClock } from '../platform/database/clock';
import type { createSemaphore } from '../platform/loops/semaphore';
import { withErrorContext } from '../platform/telemetry/error-context';
import type { Metrics } from '../platform/telemetry/metrics';
import type { MessageStatus } from '../producing/message-status';
import { readEvents } from '../producing/run-events';
import type { Waiting } from '../producing/waiting-runs';
import type { Topic } from '../topics/topic';
import type { LostAnswers } from './lost-answers';
import type { Recovery } from './recovery';
import { createRescue } from './rescue';

// Messages that are read before the first of them lands.
const READ_BATCH = 100;
// Of each topic. All topics of a worker share the permits of `reading` beside that.
const READING_AT_ONCE = 10;

export interface LandMissingDeps {
  pool: Pool;
  worker: string;
  clock: Pick<DatabaseClock, 'now'>;
  waiting: Pick<Waiting, 'deliveryOf'>;
  recovery: Pick<Recovery, 'pendingDelivery'>;
  lostAnswers: Pick<LostAnswers, 'watch'>;
  reading: ReturnType<typeof createSemaphore>;
  metrics: Pick<Metrics, 'rescued'>;
  log: Pick<Logger, 'warn'>;
  signal: AbortSignal;
  onError(error: unknown): void;
}

/**
 * Lands those of a topic's overdue runs that no worker holds and the ledger has not decided: in turn by tenant, the
 * latest due time first. Their messages are read from Temporal. A message is left alone that Temporal tries again after a
 * failed landing, or of which a cancel or move is not decided yet. So is, for ever longer, a run that cannot be read or landed.
 */
export function createLandMissing(
  deps: LandMissingDeps,
  hold: Pick<Hold, 'takeOver'>,
  topic: Topic,
  { everyMs }: { everyMs: number },
) {
  const { pool, worker, clock, waiting, recovery, lostAnswers, reading, signal, onError } = deps;
  const rescue = createRescue(deps, hold, topic, { everyMs });
  const { backoff } = rescue;

  /** Ends early at `untilAt` (epoch ms by the local clock), with those that come first. */
  async function landMissing(runs: MessageStatus[], { untilAt = Number.POSITIVE_INFINITY } = {}): Promise<void> {
    const known = runs.filter((run) => !backoff.isBackingOff(idOf(run)));
    if (known.length === 0) return;
    const cycles = known.map(({ tenant, key, cycle = 1 }) => ({ tenant, key, cycle }));
    const missing = await findMissing(pool, topic.name, cycles);
    const absent = inTurns(missing.map((place) => known[place] as MessageStatus));
    while (absent.length > 0 && Date.now() < untilAt && !signal.aborted) {
      await landBatch(absent.splice(0, Math.min(READ_BATCH, rescue.batch())));
    }
  }

  async function landBatch(runs: MessageStatus[]): Promise<void> {
    const found = new Map<Delivery, MessageStatus>();
    const read = async (run: MessageStatus) => {
      await reading.acquire();
      const delivery = await readDelivery(run).finally(reading.release);
      if (delivery) found.set(delivery, run);
      else backoff.recordFailure(idOf(run), run);
    };
    await pMap(runs, read, { concurrency: READING_AT_ONCE });
    const deliveries = [...found.keys()];
    if (deliveries.length === 0) return;
    // Before they are held here: a row that is written after its message has landed would stay.
    await writeHeld(pool, { worker, lane: STABLE }, deliveries);
    await rescue.land(deliveries, 'notHeld', (delivery) =>
      lostAnswers.watch(found.get(delivery) as MessageStatus, delivery.message),
    );
  }

  /** Undefined if the run needs no landing now. A run that cannot be read is reported. */
  async function readDelivery(run: MessageStatus): Promise<Delivery | undefined> {
    try {
      const { delivery, events } = await waiting.deliveryOf(run);
      const { message } = delivery;
      const { isClosed, isDelivering, commandWaits } = readEvents(events, message.dueAt);
      // A cancel or a move that was in time is the workflow's to decide, however late the workflow is.
      if (isClosed || commandWaits) return undefined;
      if (isDelivering && (await recovery.pendingDelivery(run))?.isRetried) return undefined;
      // Written by a newer release: it waits for a worker that can read it.
      if (message.v > 1) return undefined;
      // A message started by hand may differ from its search attributes.
      if (message.topic !== topic.name || message.dueAt > clock.now()) return undefined;
      return delivery;
    } catch (error) {
      onError(withErrorContext(error, run));
      return undefined;
    }
  }

  return { topic, landMissing, prune: backoff.prune };
}

export type LandMissing = ReturnType<typeof createLandMissing>;

// A message started by hand has no memo. It counts as cycle 1; the ledger corrects that later if it is not.
const idOf = ({ topic, tenant, key, cycle = 1 }: MessageStatus): string =>
  deliveryIdOf({ message: { topic, tenant, key, cycle } });

/** Takes one of each tenant in turn, each tenant's latest due time first. */
function inTurns(runs: MessageStatus[]): MessageStatus[] {
  const latest = runs.toSorted((one, other) => Date.parse(other.dueAt ?? '') - Date.parse(one.dueAt ?? '') || 0);
  const turns = new Map<string, number>();
  const placed = latest.map((run) => {
    const turn = turns.get(run.tenant) ?? 0;
    turns.set(run.tenant, turn + 1);
    return { run, turn };
  });
  return placed.sort((one, other) => one.turn - other.turn).map(({ run }) => run);
}
