import { createGroupSize, largestGroupOf } from '../../../src/delivery/landing/group-size';
import { effectTopic, groupTopic } from '../../support/effects';

it('a group is as large as its worker says, less for a plain handler, and a tenth of a rate limit', () => {
  expect(largestGroupOf(groupTopic(), 500)).toBe(500);
  expect(largestGroupOf(effectTopic(), 500)).toBe(50);
  expect(largestGroupOf(effectTopic(), 20)).toBe(20);
  expect(largestGroupOf(groupTopic({}, { landingsPerSecond: 45 }), 500)).toBe(4);
  expect(largestGroupOf(groupTopic({}, { landingsPerSecond: 0.1 }), 500)).toBe(1);
});

it('the next group has as many messages as the last one handled in its time, and grows again by as many', () => {
  const { next, landed } = createGroupSize(50);
  const after = (messages: number, handled: number) => {
    landed({ messages, handled });
    return next();
  };
  expect(next()).toBe(50);
  expect(after(50, 3)).toBe(3);
  expect(after(3, 1)).toBe(1);
  expect([after(1, 1), after(2, 2), after(4, 4), after(8, 8), after(16, 16), after(32, 32)]).toEqual([
    2, 4, 8, 16, 32, 50,
  ]);
  // A small group that was handled whole says nothing about a large one.
  expect(after(2, 2)).toBe(50);
});
