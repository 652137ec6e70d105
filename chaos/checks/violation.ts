/** A broken invariant, by its number, with what broke it. */
export interface Violation {
  invariant: string;
  what: string;
  ids: string[];
}

/** A checked promise, and the ids of the messages or rows that break it. */
export interface Check<Seen> {
  invariant: string;
  what: string;
  broken(seen: Seen): string[];
}

/** What breaks these promises, if anything does. */
export const violationsOf = <Seen>(checks: Check<Seen>[], seen: Seen): Violation[] =>
  checks.flatMap(({ invariant, what, broken }) => {
    const ids = [...new Set(broken(seen))];
    return ids.length > 0 ? [{ invariant, what, ids }] : [];
  });

export const idsWhere = <Item extends { id: string }>(items: Item[], broken: (item: Item) => boolean): string[] =>
  items.filter(broken).map(({ id }) => id);

export function byId<Item>(items: Item[], idOf: (item: Item) => string): (id: string) => Item[] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(idOf(item));
    if (group) group.push(item);
    else groups.set(idOf(item), [item]);
  }
  return (id) => groups.get(id) ?? [];
}
