import fc from 'fast-check';
import { createSharedSemaphore } from '../../../src/platform/loops/shared-semaphore';

/** The users in the order in which they were let in. */
function users(permits: number, each: number) {
  const semaphore = createSharedSemaphore({ permits, each });
  const order: string[] = [];
  return {
    order,
    release: semaphore.release,
    async acquire(...names: string[]) {
      for (const user of names) void semaphore.acquire(user).then(() => order.push(user));
      await new Promise(setImmediate);
    },
    async released(user: string) {
      semaphore.release(user);
      await new Promise(setImmediate);
    },
  };
}

it('one user takes its share and leaves the last permit to a user that has none', async () => {
  const { order, acquire, released } = users(3, 5);
  await acquire('slow', 'slow', 'slow');
  expect(order).toEqual(['slow', 'slow']);
  await acquire('quick');
  expect(order).toEqual(['slow', 'slow', 'quick']);
  await released('quick');
  expect(order).toHaveLength(3);
  await released('slow');
  expect(order).toEqual(['slow', 'slow', 'quick', 'slow']);
});

it('a user has at most its own share, however many are free', async () => {
  const { order, acquire } = users(9, 2);
  await acquire('a', 'a', 'a', 'a');
  expect(order).toEqual(['a', 'a']);
});

it('a permit that is given back goes to a user without one first, then to the others in turn', async () => {
  const { order, acquire, released } = users(2, 2);
  await acquire('a', 'b', 'a', 'a', 'b', 'c');
  expect(order).toEqual(['a', 'b']);
  await released('a');
  expect(order).toEqual(['a', 'b', 'c']);
  await released('b');
  await released('c');
  expect(order.slice(3).sort()).toEqual(['a', 'b']);
});

it('with a single permit every user has its turn', async () => {
  const { order, acquire, released } = users(1, 1);
  await acquire('a', 'a', 'b');
  for (const user of ['a', 'b']) await released(user);
  expect(order).toEqual(['a', 'b', 'a']);
});

it('no permit is lost or made, whatever the order of users', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 40 }),
      async (permits, each, names) => {
        const { order, acquire, release } = users(permits, each);
        await acquire(...names);
        let ended = 0;
        while (ended < order.length) {
          const inside = order.slice(ended);
          expect(inside.length).toBeLessThanOrEqual(permits);
          for (const user of inside) expect(inside.filter((one) => one === user).length).toBeLessThanOrEqual(each);
          release(order[ended] as string);
          ended += 1;
          await new Promise(setImmediate);
        }
        expect([...order].sort()).toEqual([...names].sort());
      },
    ),
  );
});
