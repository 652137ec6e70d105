import { createFairTurns } from '../../src/http/fair-turns';

const rounds = async (count: number) => {
  for (let round = 0; round < count; round += 1) await new Promise(setImmediate);
};

it('tenants take turns, however much one of them has waiting', async () => {
  const { inTurn } = createFairTurns(1);
  const order: string[] = [];
  const ask = (tenant: string) => inTurn(tenant, () => void order.push(tenant));
  await Promise.all(['a', 'a', 'a', 'a', 'b', 'b', 'c'].map(ask));
  expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'a', 'a']);
});

it('one piece of work is done in a round of the event loop, and one that throws holds up no other', async () => {
  const { inTurn } = createFairTurns(5);
  const done: number[] = [];
  const works = [0, 1, 2, 3].map((index) =>
    inTurn('a', () => {
      done.push(index);
      if (index === 1) throw new Error('x');
    }),
  );
  const settled = Promise.allSettled(works);
  for (let round = 1; round <= 4; round += 1) {
    await rounds(1);
    expect(done.length).toBeLessThanOrEqual(round);
  }
  expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect(done).toEqual([0, 1, 2, 3]);
});

it('so many are in work at most, and a place that is free is given on', async () => {
  const { inTurn } = createFairTurns(2);
  const ends: (() => void)[] = [];
  let running = 0;
  const work = () =>
    inTurn('a', () => {
      running += 1;
      return new Promise<void>((end) => ends.push(end)).then(() => {
        running -= 1;
      });
    });
  const all = Promise.all([work(), work(), work()]);
  await rounds(10);
  expect(running).toBe(2);
  ends.shift()?.();
  await rounds(10);
  expect(running).toBe(2);
  expect(ends).toHaveLength(2);
  for (const end of ends) end();
  await all;
});
