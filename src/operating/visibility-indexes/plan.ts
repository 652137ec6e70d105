import type { VisibilityIndex, VisibilityTable } from './visibility-index';

/** What all indexes of nullable columns are to be: with the rows alone that have a value, or with all rows, as Temporal makes them. */
export type Target = 'partial' | 'full';

/** How one index becomes what it is to be. Each statement runs by itself: `concurrently` allows no transaction. */
export interface Step {
  index: string;
  statements: string[];
}

// While an index is built, both exist.
const BUILDING = '_postdate';
// PostgreSQL cuts longer names off.
const LONGEST_NAME = 63 - BUILDING.length;
/** Marks an index as ours, so that a revert leaves partial indexes of Temporal's alone. */
export const OURS = 'made partial by postdate visibility-indexes';
// Every list and count of Temporal asks whether the first is null; the second is null in each run that is open.
const ASKED_FOR_NULL = ['temporalnamespacedivision', 'close_time'];

/** Whether an index holds one column that is mostly null and that no query asks to be null. */
export const isEligible = ({ name, nullable }: VisibilityIndex): boolean =>
  nullable.length === 1 &&
  !ASKED_FOR_NULL.includes(nullable[0] as string) &&
  name.length <= LONGEST_NAME + BUILDING.length;

const predicateOf = ({ nullable: [column] }: VisibilityIndex) => `(${column} IS NOT NULL)`;

/** Whether it is partial by our predicate. */
export const isPartial = (index: VisibilityIndex): boolean => index.predicate === predicateOf(index);

/**
 * The steps that lead from what is there to the target, also after an interrupted run. An index that is partial in another
 * way is left as it is.
 */
export function planOf({ schema, indexes }: VisibilityTable, target: Target): Step[] {
  const byName = new Map(indexes.filter(isEligible).map((index) => [index.name, index]));
  const names = new Set([...byName.keys()].map((name) => (isBuilding(name) ? finalOf(name) : name)));
  return [...names].flatMap((name) => {
    const statements = statementsFor(name, byName.get(name), byName.get(buildingOf(name)), { schema, target });
    return statements.length > 0 ? [{ index: unquoted(name), statements }] : [];
  });
}

function statementsFor(
  name: string,
  present: VisibilityIndex | undefined,
  building: VisibilityIndex | undefined,
  { schema, target }: { schema: string; target: Target },
): string[] {
  const isWanted = (index: VisibilityIndex) => index.valid && isPartial(index) === (target === 'partial');
  const foreign = (index: VisibilityIndex) => index.predicate !== null && (!isPartial(index) || index.comment !== OURS);
  const drop = (index: string) => `drop index concurrently ${schema}.${index}`;
  const renaming = `alter index ${schema}.${buildingOf(name)} rename to ${name}`;
  const mark = target === 'partial' ? [`comment on index ${schema}.${buildingOf(name)} is '${OURS}'`] : [];
  const replace = [...mark, drop(name), renaming];
  if (building && isWanted(building)) return present ? replace : [...mark, renaming];
  const leftover = building ? [drop(building.name)] : [];
  if (present && (isWanted(present) || foreign(present))) return leftover;
  if (present) return [...leftover, creating(present, buildingOf(name), target), ...replace];
  if (!building) return [];
  // The old one was dropped already, by a run with the other target. The new one takes its place until it is replaced.
  if (building.valid) return [renaming, creating(building, buildingOf(name), target), ...replace];
  return [...leftover, creating(building, buildingOf(name), target), ...mark, renaming];
}

function creating(source: VisibilityIndex, name: string, target: Target): string {
  const { definition, predicate } = source;
  const on = definition.replace(/^CREATE INDEX (?:"(?:[^"]|"")*"|\S+) ON /, '');
  const full = predicate === null ? on : on.slice(0, -` WHERE ${predicate}`.length);
  return `create index concurrently ${name} on ${full}${target === 'partial' ? ` where ${predicateOf(source)}` : ''}`;
}

const unquoted = (name: string) => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);
const isBuilding = (name: string) => unquoted(name).endsWith(BUILDING);
const withSuffix = (name: string, change: (plain: string) => string) =>
  name.startsWith('"') ? `"${change(name.slice(1, -1))}"` : change(name);
const buildingOf = (name: string) => withSuffix(name, (plain) => `${plain}${BUILDING}`);
const finalOf = (name: string) => withSuffix(name, (plain) => plain.slice(0, -BUILDING.length));
