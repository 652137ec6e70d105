/** What differs, by the name of a field, a column, or a path to one: shown shortened, and absent where there is none. */
export type Fields = Record<string, { stable?: string; shadow?: string }>;

// An example is to be read, and must not carry a document.
const LONGEST = 200;
const MOST_FIELDS = 20;

/** The fields in which two values differ, at whatever depth, but for those of these names; undefined if there are none. */
export function differingFields(stable: object, shadow: object, without: string[]): Fields | undefined {
  const [ones, twos] = [leavesOf(stable, without), leavesOf(shadow, without)];
  const names = [...new Set([...ones.keys(), ...twos.keys()])].filter((name) => ones.get(name) !== twos.get(name));
  if (names.length === 0) return undefined;
  const shown = names.slice(0, MOST_FIELDS).map((name) => [name, shownOf(ones.get(name), twos.get(name))]);
  return Object.fromEntries(shown);
}

/** The JSON of every value that has none within it, by its path. */
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
  // A text and a number may look alike.
  const [shownOne, shownTwo] = one === two ? [stable, shadow] : [one, two];
  return { stable: shownOne?.slice(0, LONGEST), shadow: shownTwo?.slice(0, LONGEST) };
}
