/**
 * Items in ascending order, taken from either end. Items of the same order keep the order in which they came. To add one that
 * is not before the last, and to take one, costs the same however many wait. Without closures: thousands of tenants may have
 * one each.
 */
export interface OrderedQueue<Item> {
  items: (Item | undefined)[];
  /** The place of the first item. Those before it have been taken. */
  first: number;
}

export const emptyQueue = <Item>(): OrderedQueue<Item> => ({ items: [], first: 0 });

export const orderedQueueOf = <Item>(item: Item): OrderedQueue<Item> => ({ items: [item], first: 0 });

export const sizeOf = <Item>({ items, first }: OrderedQueue<Item>): number => items.length - first;

export function addInOrder<Item>(
  { items, first }: OrderedQueue<Item>,
  item: Item,
  orderOf: (item: Item) => number,
): void {
  const order = orderOf(item);
  // The first place with an item of a higher order.
  let [low, high] = [first, items.length];
  if (high > low && orderOf(items[high - 1] as Item) <= order) low = high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (orderOf(items[middle] as Item) > order) high = middle;
    else low = middle + 1;
  }
  if (low === items.length) items.push(item);
  else items.splice(low, 0, item);
}

export const firstOf = <Item>({ items, first }: OrderedQueue<Item>): Item | undefined => items[first];

export const lastOf = <Item>({ items, first }: OrderedQueue<Item>): Item | undefined =>
  items.length === first ? undefined : items[items.length - 1];

export function takeFirst<Item>(queue: OrderedQueue<Item>): Item | undefined {
  if (sizeOf(queue) === 0) return undefined;
  const item = queue.items[queue.first];
  queue.items[queue.first] = undefined;
  queue.first += 1;
  // To move the rest to the front each time would cost more with each item that waits.
  if (queue.first * 2 > queue.items.length) {
    queue.items = queue.items.slice(queue.first);
    queue.first = 0;
  }
  return item;
}

export const takeLast = <Item>(queue: OrderedQueue<Item>): Item | undefined =>
  sizeOf(queue) === 0 ? undefined : queue.items.pop();
