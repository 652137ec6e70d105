/**
 * Different values by the name of a field or column, or by a dotted path. Long values are cut; a missing value is
 * absent.
 */
export type FieldDifferences = Record<string, { stable?: string; shadow?: string }>;

// People read the examples, so they must not contain whole documents. In characters of JSON.
const MAX_CHARACTERS = 200;
const MAX_FIELDS = 20;

/**
 * The fields in which two values differ, at any depth, except those named in `without`; undefined if there are none.
 */
export function diffFields(stable: object, shadow: object, without: string[]): FieldDifferences | undefined {
  const [stableLeaves, shadowLeaves] = [leavesOf(stable, without), leavesOf(shadow, without)];
  const names = [...new Set([...stableLeaves.keys(), ...shadowLeaves.keys()])].filter(
    (name) => stableLeaves.get(name) !== shadowLeaves.get(name),
  );
  if (names.length === 0) return undefined;
  const shown = names
    .slice(0, MAX_FIELDS)
    .map((name) => [name, shownOf(stableLeaves.get(name), shadowLeaves.get(name))]);
  return Object.fromEntries(shown);
}

/** The JSON of every leaf value, by its dotted path. */
function leavesOf(value: unknown, without: string[], path = '', leaves = new Map<string, string>()) {
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    for (const [name, inner] of Object.entries(value)) {
      if (!without.includes(name)) leavesOf(inner, without, path ? `${path}.${name}` : name, leaves);
    }
  } else if (value !== undefined) leaves.set(path, JSON.stringify(value));
  return leaves;
}

function shownOf(stable: string | undefined, shadow: string | undefined) {
  const [one, two] = [stable, shadow].map((json) => (json?.startsWith('"') ? (JSON.parse(json) as string) : json));
  // A text and a number may look the same without the quotes, and are then shown with them.
  const [shownOne, shownTwo] = one === two ? [stable, shadow] : [one, two];
  return { stable: shownOne?.slice(0, MAX_CHARACTERS), shadow: shownTwo?.slice(0, MAX_CHARACTERS) };
}
