import { createTurnOrder } from '../../../src/platform/loops/turn-order';

const ordered = (lines: Record<string, number>) => {
  const order = createTurnOrder<number>();
  for (const [name, count] of Object.entries(lines)) order.join(name, count);
  return order;
};
const namesOf = (order: ReturnType<typeof ordered>) => [...order.inTurn()].map(([name]) => name);

it('a name waits for one turn of each other name, however much they have waiting, and comes round while turns are given', () => {
  const order = ordered({ a: 3, b: 1, c: 2 });
  const turns: string[] = [];
  for (const [name, left] of order.inTurn()) {
    turns.push(name);
    order.hadTurn(name, left > 1 ? left - 1 : undefined);
  }
  expect(turns).toEqual(['a', 'b', 'c', 'a', 'c', 'a']);
  expect(order.isEmpty()).toBe(true);
});

it('a new name comes last, a name that joins again keeps its turn, and one that has left has none', () => {
  const order = ordered({ a: 1, b: 1 });
  order.join('c', 1);
  order.join('a', 5);
  expect(namesOf(order)).toEqual(['a', 'b', 'c']);
  expect(order.lineOf('a')).toBe(5);
  order.hadTurn('a', 4);
  order.leave('b');
  expect(namesOf(order)).toEqual(['c', 'a']);
  expect([order.lineOf('b'), order.isEmpty()]).toEqual([undefined, false]);
});
