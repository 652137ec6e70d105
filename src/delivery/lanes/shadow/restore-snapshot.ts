import type { PoolClient } from 'pg';
import type { Topic } from '../../../topics/topic';
import { isAwayOrBusy, isLockFailure } from './database-errors';
import { readShape, restoreRows, type TableShape } from './restore-rows';
import { type RowSnapshot, readRowSnapshot, type SnapshotRow } from './row-snapshots';
import type { DueCopy, StableDecision } from './stable-decisions';

/** The restored rows of a message, or why they cannot be restored. No `shapes`: the topic observes no rows. */
export type RestoreResult =
  | { notCompared: 'changedMeanwhile' }
  | { notCompared: 'notPutBack'; because: unknown }
  | { shapes?: undefined }
  | { shapes: TableShape[]; before: RowSnapshot; stable: RowSnapshot };

/** Restores a message's observed rows, in this transaction, to their state before stable landed the message. */
export async function restoreSnapshot(
  tx: PoolClient,
  topic: Topic,
  copy: DueCopy & { decision: StableDecision },
): Promise<RestoreResult> {
  const { observed = [], volatile } = topic;
  if (observed.length === 0) return {};
  const { message } = copy.delivery;
  const before = copy.before ?? [];
  const stable = await readRowSnapshot(tx, topic, message);
  if (await changedBeforeLanding(tx, { before, stable, landedBy: copy.decision.writtenBy })) {
    return { notCompared: 'changedMeanwhile' };
  }
  try {
    const shapes: TableShape[] = [];
    for (const { table } of observed) shapes.push(await readShape(tx, table));
    if (!sameRows(before, stable)) {
      await restoreRows(tx, observed, shapes, { before, now: stable });
      // A trigger of the table may have changed the restored rows.
      const restored = await readRowSnapshot(tx, topic, message);
      if (!sameRows(before, restored, volatile)) throw new Error('the rows are not what they were before');
    }
    return { shapes, before, stable };
  } catch (because) {
    // That says nothing about the rows: the message is tried again.
    if (isLockFailure(because) || isAwayOrBusy(because)) throw because;
    return { notCompared: 'notPutBack', because };
  }
}

/** Whether another transaction, which began to write before stable's landing did, changed a row after the snapshot. */
async function changedBeforeLanding(
  tx: PoolClient,
  { before, stable, landedBy }: { before: RowSnapshot; stable: RowSnapshot; landedBy: string },
): Promise<boolean> {
  const known = new Set(before.flat().map(({ writtenBy }) => writtenBy));
  const writers = [...new Set(stable.flat().map(({ writtenBy }) => writtenBy))].filter((xmin) => !known.has(xmin));
  if (writers.length === 0) return false;
  const { rows } = await tx.query<{ before: boolean }>(
    'select bool_or(age(writer::xid) > age($2::xid)) as before from unnest($1::text[]) as given (writer)',
    [writers, landedBy],
  );
  return rows[0]?.before === true;
}

/** Whether two snapshots have the same rows, apart from the columns `without`. */
function sameRows(one: RowSnapshot, two: RowSnapshot, without: string[] = []): boolean {
  const textOf = (snapshot: RowSnapshot) =>
    JSON.stringify(snapshot.map((rows) => rows.map(comparableRow(without)).sort()));
  return textOf(one) === textOf(two);
}

const comparableRow =
  (without: string[]) =>
  ({ row, texts }: SnapshotRow): string =>
    without.length === 0 ? row : JSON.stringify(Object.entries(texts).filter(([name]) => !without.includes(name)));
