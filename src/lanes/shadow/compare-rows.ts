import type { ObservedRows } from '../../topic';
import { differingFields, type Fields } from './fields';
import type { PicturedRow } from './pictures';
import { keyOf, type TableShape } from './put-back';
import type { Trial } from './trial';

type Change = 'inserted' | 'updated' | 'deleted' | 'unchanged' | 'absent';

/** A row that they would have left differently; `key` is its primary key, column by column. */
export interface RowDifference {
  table: string;
  key: (string | null)[];
  stable: Change;
  shadow: Change;
  fields?: Fields;
}

/** The rows that a shadow would have left otherwise than stable has. */
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
  before: PicturedRow[];
  stable: PicturedRow[];
  shadow: PicturedRow[];
}
interface Table {
  table: string;
  shape: TableShape;
  volatile: string[];
}

function compareTable({ table, shape, volatile }: Table, { before, stable, shadow }: Rows): RowDifference[] {
  const had = new Map(before.map((row) => [keyOf(shape, row), row]));
  const known = (row: PicturedRow) => had.get(keyOf(shape, row));
  const keyMayDiffer = shape.keyIsMade || shape.key.some((name) => volatile.includes(name));
  // What both have inserted under keys that the database made is the same if it says the same.
  const isFree = (row: PicturedRow) => keyMayDiffer && !known(row);
  const free = {
    ones: stable.filter(isFree),
    twos: shadow.filter(isFree),
    without: [...volatile, ...shape.key],
  };
  const difference = (one: PicturedRow | undefined, two: PicturedRow | undefined, without: string[]) => {
    const fields = one && two && differingFields(one.texts, two.texts, without);
    if (one && two && !fields) return [];
    const row = (one ?? two) as PicturedRow;
    const key = shape.key.map((name) => row.texts[name] ?? null);
    const changes = { stable: changeOf(one, known(row)), shadow: changeOf(two, known(row)) };
    return [{ table, key, ...changes, ...(fields ? { fields } : {}) }];
  };
  const [ones, twos] = [stable, shadow].map(
    (rows) => new Map(rows.filter((row) => !isFree(row)).map((row) => [keyOf(shape, row), row])),
  ) as [Map<string, PicturedRow>, Map<string, PicturedRow>];
  const keys = [...new Set([...ones.keys(), ...twos.keys()])];
  return [
    ...keys.flatMap((key) => difference(ones.get(key), twos.get(key), volatile)),
    ...pairsOf(free).flatMap(([one, two]) => difference(one, two, free.without)),
  ];
}

function changeOf(row: PicturedRow | undefined, had: PicturedRow | undefined): Change {
  if (!row) return had ? 'deleted' : 'absent';
  if (!had) return 'inserted';
  return row.row === had.row ? 'unchanged' : 'updated';
}

/** Of the rows without a counterpart that says the same, one of each side by side, so that it is seen how they differ. */
function pairsOf({ ones, twos, without }: { ones: PicturedRow[]; twos: PicturedRow[]; without: string[] }) {
  const says = ({ texts }: PicturedRow) =>
    JSON.stringify(Object.entries(texts).filter(([name]) => !without.includes(name)));
  const left = [...twos];
  const alone = ones.filter((one) => {
    const place = left.findIndex((two) => says(two) === says(one));
    if (place >= 0) left.splice(place, 1);
    return place < 0;
  });
  return Array.from({ length: Math.max(alone.length, left.length) }, (_, nth) => [alone[nth], left[nth]] as const);
}
