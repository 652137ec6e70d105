/** Does something for every item, so many at a time; resolves when all are done. `work` handles its own errors. */
export async function forEachConcurrently<Item>(
  items: Iterable<Item>,
  atATime: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  // One iterator for all of them: each takes the next item when it is done with its last.
  const left = items[Symbol.iterator]();
  const taker = async () => {
    for (let next = left.next(); !next.done; next = left.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: atATime }, taker));
}
