import type { Pool, PoolClient } from 'pg';
import { inTransaction, isDatabaseUnavailable } from '../platform/database/pool';
import { readThrown } from '../platform/telemetry/thrown';
import { handleAgain } from './handle-again';
import type { Listener } from './handle-event';
import { handleRows } from './handle-rows';
import { isOtherTenantBehind, readPartition } from './partition-rows';
import { LONGEST_PAUSE_S, moveOn, type Partition, recordFailure, takePartition } from './partitions';
import { type HandledRows, triesOf } from './round';
import { postpone, readDue, readWaiting, type SetAside, setAside } from './set-aside';
import type { StreamRow } from './stream';

// Few, as the next rows of the stream wait for them.
const AGAIN = 20;

/** What a round did. */
export interface Round {
  /** How many rows it is done with: handled, set aside, or tried again. */
  done: number;
  aside: SetAside[];
  /** What the listener threw, each once. */
  errors: Error[];
  /** What it threw at an event that it stops at. */
  failure?: Error;
}

/** Where a round is, for the case that its transaction breaks. */
interface Whereabouts {
  partition?: Partition;
  call?: { row: StreamRow; kind: 'again' | 'alone' | 'together' };
}

/**
 * Handles the next events of one partition of a consumer in one transaction: first some that are to be tried again, then up to
 * `limit` of the stream. Undefined if no partition has anything to do, or all that have are taken. `patient`: none that is to be
 * tried again later.
 */
export async function handleRound(
  pool: Pool,
  listener: Listener,
  { limit = 100, patient }: { limit?: number; patient: boolean },
): Promise<Round | undefined> {
  const where: Whereabouts = {};
  try {
    const handle = async (tx: PoolClient) => {
      where.partition = await takePartition(tx, listener.name, { patient });
      return where.partition && (await handlePartition(tx, listener, where.partition, limit, where));
    };
    return await inTransaction(pool, handle, { isLent: true });
  } catch (error) {
    const { partition, call } = where;
    // In an outage every event would fail, and no event is the cause.
    if (!partition || !call || isDatabaseUnavailable(error)) throw error;
    const failure = readThrown(error);
    await recordBroken(pool, listener, partition, call, failure);
    return { done: 0, aside: [], errors: [failure], failure };
  }
}

async function handlePartition(
  tx: PoolClient,
  listener: Listener,
  partition: Partition,
  limit: number,
  where: Whereabouts,
): Promise<Round> {
  const { name, onFailure = 'stop' } = listener;
  const { failures, failedPosition, failure: reason = '' } = partition;
  const again = await handleAgain(tx, listener, await readDue(tx, name, AGAIN, partition), {
    onCall: (row) => {
      where.call = { row, kind: 'again' };
    },
  });
  where.call = undefined;

  const next = await readPartition(tx, partition, limit);
  // What comes before the event at which a connection broke commits first, so that it is not lost with it once more.
  const before = partition.broke ? next.rows.filter(({ position }) => position < (failedPosition ?? 0)) : [];
  const rows = before.length > 0 ? before : next.rows;
  const waiting = await readWaiting(tx, name, rows);
  const handled = await handleRows(tx, listener, rows, {
    waiting,
    failures,
    brokenAt: partition.broke && failedPosition !== undefined ? { position: failedPosition, reason } : undefined,
    isOtherTenantBehind: (position, tenant) => {
      where.call = undefined;
      return isOtherTenantBehind(tx, partition, position, tenant);
    },
    onCall: (row, events) => {
      where.call = { row, kind: events > 1 ? 'together' : 'alone' };
    },
  });
  where.call = undefined;

  await setAside(tx, name, handled.aside);
  const isAll = handled.done === rows.length && before.length === 0;
  const position = isAll ? next.upTo : (rows[handled.done - 1]?.position ?? partition.position);
  await moveAndRecord(tx, listener, partition, { position, handled, stillFails: before.length > 0 });
  const stopped = handled.stoppedAt?.together ? undefined : handled.stoppedAt?.error;
  return {
    done: again.done + handled.done,
    aside: handled.aside,
    errors: [...again.errors, ...handled.errors],
    failure: stopped ?? (onFailure === 'stop' ? again.errors[0] : undefined),
  };
}

async function moveAndRecord(
  tx: PoolClient,
  listener: Listener,
  partition: Partition,
  { position, handled: { stoppedAt }, stillFails }: { position: number; handled: HandledRows; stillFails: boolean },
): Promise<void> {
  if (!stoppedAt) return moveOn(tx, partition, position, { stillFails });
  const { position: at, error, together } = stoppedAt;
  const pauseS = together ? 0 : pauseOf(listener, partition, at);
  await recordFailure(tx, partition, { position: at, reason: error.message, pauseS, moveTo: position });
}

/** Records, outside of the transaction that broke, at which event it did. */
async function recordBroken(
  pool: Pool,
  listener: Listener,
  partition: Partition,
  { row, kind }: NonNullable<Whereabouts['call']>,
  { message: reason }: Error,
): Promise<void> {
  if (kind === 'again') return postpone(pool, listener.name, [row], reason, triesOf(listener) ?? 0);
  const { position } = row;
  // Any event of a set may be the cause: the next round takes them one by one.
  const broke = kind === 'alone';
  await recordFailure(pool, partition, { position, reason, broke, pauseS: pauseOf(listener, partition, position) });
}

/** A second for a listener that stops. For one that does not, it doubles up to a minute. */
const pauseOf = (listener: Listener, { failures, failedPosition }: Partition, position: number): number =>
  triesOf(listener) === undefined
    ? 1
    : Math.min(LONGEST_PAUSE_S, 2 ** Math.min(failedPosition === position ? failures : 0, 6));
