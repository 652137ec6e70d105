import type { PoolClient } from 'pg';
import type { Topic } from '../../topic';
import { isAway, isLocked } from './faults';
import { type Picture, type PicturedRow, readPicture } from './pictures';
import { putBack, readShape, type TableShape } from './put-back';
import type { RipeCopy, StableDecision } from './stables';

/** A message's rows are what they were for stable, or why they cannot be; no `shapes` where its topic observes none. */
export type AsBefore =
  | { notCompared: 'changedMeanwhile' }
  | { notCompared: 'notPutBack'; because: unknown }
  | { shapes?: undefined }
  | { shapes: TableShape[]; before: Picture; stable: Picture };

/** Makes a message's observed rows what they were before stable landed it, within this transaction. */
export async function makeRowsAsBefore(
  tx: PoolClient,
  topic: Topic,
  copy: RipeCopy & { decision: StableDecision },
): Promise<AsBefore> {
  const { observed = [], volatile } = topic;
  if (observed.length === 0) return {};
  const { message } = copy.delivery;
  const before = copy.before ?? [];
  const stable = await readPicture(tx, topic, message);
  if (await changedBefore(tx, { before, stable, landedBy: copy.decision.writtenBy })) {
    return { notCompared: 'changedMeanwhile' };
  }
  try {
    const shapes: TableShape[] = [];
    for (const { table } of observed) shapes.push(await readShape(tx, table));
    if (!alike(before, stable)) {
      await putBack(tx, observed, shapes, { before, now: stable });
      // A trigger of the table's own may have had other ideas.
      const left = await readPicture(tx, topic, message);
      if (!alike(before, left, volatile)) throw new Error('the rows are not what they were before');
    }
    return { shapes, before, stable };
  } catch (because) {
    if (isLocked(because) || isAway(because)) throw because;
    return { notCompared: 'notPutBack', because };
  }
}

/** Whether a row was changed after its picture by somebody whose transaction had begun to write before the landing's. */
async function changedBefore(
  tx: PoolClient,
  { before, stable, landedBy }: { before: Picture; stable: Picture; landedBy: string },
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

/** Whether two pictures show the same, apart from `without`. */
function alike(one: Picture, two: Picture, without: string[] = []): boolean {
  const shown = (picture: Picture) => JSON.stringify(picture.map((rows) => rows.map(shownRow(without)).sort()));
  return shown(one) === shown(two);
}

const shownRow =
  (without: string[]) =>
  ({ row, texts }: PicturedRow): string =>
    without.length === 0 ? row : JSON.stringify(Object.entries(texts).filter(([name]) => !without.includes(name)));
