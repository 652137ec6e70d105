// The name is not in any list of ours: the zone data of Node.js says which zones there are. No name in it is longer.
const NAME = /^[A-Za-z][A-Za-z0-9_+/-]{0,99}$/;

/** Whether this could be the name of an IANA time zone, of this year's zone data or of a later one's. */
export const isZoneName = (zone: unknown): zone is string => typeof zone === 'string' && NAME.test(zone);

// Looking a zone up costs as much as a landing's statement. Letters may be in either case, so a stranger has many names.
const known = new Map<string, string>();
const MAX_KNOWN = 1_000;

/**
 * The name under which this process's zone data has a zone; undefined if the data lacks it. Libraries remember zones by
 * name without end, so they are given this one only.
 */
export function knownZone(zone: string): string | undefined {
  if (!isZoneName(zone)) return undefined;
  const before = known.get(zone);
  if (before !== undefined) return before;
  try {
    const name = new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(zone, name);
    return name;
  } catch {
    return undefined;
  }
}
