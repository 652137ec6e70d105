/** Runs `work` for every item, at most `atATime` at once. Resolves when all are done. `work` handles its own errors. */
export async function forEachConcurrently<Item>(
  items: Iterable<Item>,
  atATime: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  // All runners share one iterator: each takes the next item when it is done with its last.
  const left = items[Symbol.iterator]();
  const taker = async () => {
    for (let next = left.next(); !next.done; next = left.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: atATime }, taker));
}
