import type { ObservedRows } from '../../../topics/topic';
import { diffFields, type FieldDifferences } from './diff-fields';
import { keyOf, type TableShape } from './restore-rows';
import type { SnapshotRow } from './row-snapshots';
import type { Trial } from './trial';

type Change = 'inserted' | 'updated' | 'deleted' | 'unchanged' | 'absent';

/** A row that stable and the shadow left differently. `key`: the values of its primary key. */
export interface RowDifference {
  table: string;
  key: (string | null)[];
  stable: Change;
  shadow: Change;
  fields?: FieldDifferences;
}

/** Compares the rows that stable left with those that the shadow would have left. */
export const compareRows = (
  observed: ObservedRows[],
  { shapes, before, stable, shadow }: NonNullable<Trial['rows']>,
  volatile: string[],
): RowDifference[] =>
  observed.flatMap(({ table }, place) =>
    compareTable(
      { table, shape: shapes[place] as TableShape, volatile },
      { before: before[place] ?? [], stable: stable[place] ?? [], shadow: shadow[place] ?? [] },
    ),
  );

interface Rows {
  before: SnapshotRow[];
  stable: SnapshotRow[];
  shadow: SnapshotRow[];
}
interface Table {
  table: string;
  shape: TableShape;
  volatile: string[];
}

function compareTable({ table, shape, volatile }: Table, { before, stable, shadow }: Rows): RowDifference[] {
  const rowsBefore = new Map(before.map((row) => [keyOf(shape, row), row]));
  const rowBefore = (row: SnapshotRow) => rowsBefore.get(keyOf(shape, row));
  const keyMayDiffer = shape.keyIsGenerated || shape.key.some((name) => volatile.includes(name));
  // Rows that both inserted under generated keys are the same if their other columns are.
  const isComparedByContent = (row: SnapshotRow) => keyMayDiffer && !rowBefore(row);
  const byContent = {
    stableRows: stable.filter(isComparedByContent),
    shadowRows: shadow.filter(isComparedByContent),
    without: [...volatile, ...shape.key],
  };
  const difference = (one: SnapshotRow | undefined, two: SnapshotRow | undefined, without: string[]) => {
    const fields = one && two && diffFields(one.texts, two.texts, without);
    if (one && two && !fields) return [];
    const row = (one ?? two) as SnapshotRow;
    const key = shape.key.map((name) => row.texts[name] ?? null);
    const changes = { stable: changeOf(one, rowBefore(row)), shadow: changeOf(two, rowBefore(row)) };
    return [{ table, key, ...changes, ...(fields ? { fields } : {}) }];
  };
  const [stableRows, shadowRows] = [stable, shadow].map(
    (rows) => new Map(rows.filter((row) => !isComparedByContent(row)).map((row) => [keyOf(shape, row), row])),
  ) as [Map<string, SnapshotRow>, Map<string, SnapshotRow>];
  const keys = [...new Set([...stableRows.keys(), ...shadowRows.keys()])];
  return [
    ...keys.flatMap((key) => difference(stableRows.get(key), shadowRows.get(key), volatile)),
    ...pairsOf(byContent).flatMap(([one, two]) => difference(one, two, byContent.without)),
  ];
}

function changeOf(row: SnapshotRow | undefined, had: SnapshotRow | undefined): Change {
  if (!row) return had ? 'deleted' : 'absent';
  if (!had) return 'inserted';
  return row.row === had.row ? 'unchanged' : 'updated';
}

/** Pairs the rows of each side that have no equal row on the other side, to show how they differ. */
function pairsOf({
  stableRows,
  shadowRows,
  without,
}: {
  stableRows: SnapshotRow[];
  shadowRows: SnapshotRow[];
  without: string[];
}) {
  const textOf = ({ texts }: SnapshotRow) =>
    JSON.stringify(Object.entries(texts).filter(([name]) => !without.includes(name)));
  const unmatchedShadow = [...shadowRows];
  const unmatchedStable = stableRows.filter((one) => {
    const place = unmatchedShadow.findIndex((two) => textOf(two) === textOf(one));
    if (place >= 0) unmatchedShadow.splice(place, 1);
    return place < 0;
  });
  return Array.from(
    { length: Math.max(unmatchedStable.length, unmatchedShadow.length) },
    (_, nth) => [unmatchedStable[nth], unmatchedShadow[nth]] as const,
  );
}
