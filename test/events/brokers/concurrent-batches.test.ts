import fc from 'fast-check';
import { concurrentBatchesOf } from '../../../src/events/brokers/concurrent-batches';
import type { StreamedEvent } from '../../../src/events/stream';

/** An event of this message, told apart by its position. */
const streamed = (key: string, position: number): StreamedEvent => ({
  position,
  event: {
    specversion: '1.0',
    id: `t:acme:${key}:${position}:x`,
    source: '/postdate/t',
    type: 'x',
    subject: `acme/${key}`,
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    tenant: 'acme',
    cycle: position,
    data: {},
  },
});
const keyOf = ({ event }: StreamedEvent) => event.subject;

it('batches have every event once, no message twice in one, and each message in its order over them', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd')), (keys) => {
      const events = keys.map(streamed);
      const batches = concurrentBatchesOf(events);
      for (const batch of batches) expect(new Set(batch.map(keyOf)).size).toBe(batch.length);
      const positions = (of: StreamedEvent[], key: string) =>
        of.filter((one) => keyOf(one) === key).map((one) => one.position);
      for (const key of new Set(events.map(keyOf)))
        expect(positions(batches.flat(), key)).toEqual(positions(events, key));
      expect(batches.flat()).toHaveLength(events.length);
    }),
  );
});

it('events of as many messages are one batch (the control)', () => {
  expect(concurrentBatchesOf(['a', 'b', 'c'].map(streamed)).map((batch) => batch.length)).toEqual([3]);
  expect(concurrentBatchesOf(['a', 'b', 'a'].map(streamed)).map((batch) => batch.length)).toEqual([2, 1]);
});
