import fc from 'fast-check';
import { addInOrder, orderedQueueOf, sizeOf, takeFirst, takeLast } from '../../../src/platform/loops/ordered-queue';

interface Item {
  order: number;
  came: number;
}

it('items come out of either end as from a sorted list, those of one order as they came', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.nat(8).map((order) => ({ what: 'add' as const, order })) },
    fc.constant({ what: 'first' as const, order: 0 }),
    fc.constant({ what: 'last' as const, order: 0 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let came = 0;
      const queue = orderedQueueOf<Item>({ order: 4, came });
      const model: Item[] = [{ order: 4, came }];
      for (const { what, order } of steps) {
        if (what === 'add') {
          came += 1;
          addInOrder(queue, { order, came }, (item) => item.order);
          model.push({ order, came });
          model.sort((one, other) => one.order - other.order || one.came - other.came);
        } else if (what === 'first') expect(takeFirst(queue)).toEqual(model.shift());
        else expect(takeLast(queue)).toEqual(model.pop());
        expect(sizeOf(queue)).toBe(model.length);
      }
    }),
  );
});
