import type { ObservedRows } from '../../topic';
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
  const had = new Map(before.map((row) => [keyOf(shape, row), row]));
  const known = (row: SnapshotRow) => had.get(keyOf(shape, row));
  const keyMayDiffer = shape.keyIsGenerated || shape.key.some((name) => volatile.includes(name));
  // Rows that both inserted under generated keys are the same if their other columns are.
  const isFree = (row: SnapshotRow) => keyMayDiffer && !known(row);
  const free = {
    ones: stable.filter(isFree),
    twos: shadow.filter(isFree),
    without: [...volatile, ...shape.key],
  };
  const difference = (one: SnapshotRow | undefined, two: SnapshotRow | undefined, without: string[]) => {
    const fields = one && two && diffFields(one.texts, two.texts, without);
    if (one && two && !fields) return [];
    const row = (one ?? two) as SnapshotRow;
    const key = shape.key.map((name) => row.texts[name] ?? null);
    const changes = { stable: changeOf(one, known(row)), shadow: changeOf(two, known(row)) };
    return [{ table, key, ...changes, ...(fields ? { fields } : {}) }];
  };
  const [ones, twos] = [stable, shadow].map(
    (rows) => new Map(rows.filter((row) => !isFree(row)).map((row) => [keyOf(shape, row), row])),
  ) as [Map<string, SnapshotRow>, Map<string, SnapshotRow>];
  const keys = [...new Set([...ones.keys(), ...twos.keys()])];
  return [
    ...keys.flatMap((key) => difference(ones.get(key), twos.get(key), volatile)),
    ...pairsOf(free).flatMap(([one, two]) => difference(one, two, free.without)),
  ];
}

function changeOf(row: SnapshotRow | undefined, had: SnapshotRow | undefined): Change {
  if (!row) return had ? 'deleted' : 'absent';
  if (!had) return 'inserted';
  return row.row === had.row ? 'unchanged' : 'updated';
}

/** Pairs the rows of each side that have no equal row on the other side, to show how they differ. */
function pairsOf({ ones, twos, without }: { ones: SnapshotRow[]; twos: SnapshotRow[]; without: string[] }) {
  const textOf = ({ texts }: SnapshotRow) =>
    JSON.stringify(Object.entries(texts).filter(([name]) => !without.includes(name)));
  const left = [...twos];
  const alone = ones.filter((one) => {
    const place = left.findIndex((two) => textOf(two) === textOf(one));
    if (place >= 0) left.splice(place, 1);
    return place < 0;
  });
  return Array.from({ length: Math.max(alone.length, left.length) }, (_, nth) => [alone[nth], left[nth]] as const);
}
