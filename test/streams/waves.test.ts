import fc from 'fast-check';
import type { StreamedEvent } from '../../src/consumer';
import { wavesOf } from '../../src/streams/waves';

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

it('waves have every event once, no message twice in one, and each message in its order over them', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd')), (keys) => {
      const events = keys.map(streamed);
      const waves = wavesOf(events);
      for (const wave of waves) expect(new Set(wave.map(keyOf)).size).toBe(wave.length);
      const positions = (of: StreamedEvent[], key: string) =>
        of.filter((one) => keyOf(one) === key).map((one) => one.position);
      for (const key of new Set(events.map(keyOf)))
        expect(positions(waves.flat(), key)).toEqual(positions(events, key));
      expect(waves.flat()).toHaveLength(events.length);
    }),
  );
});

it('events of as many messages are one wave (the control)', () => {
  expect(wavesOf(['a', 'b', 'c'].map(streamed)).map((wave) => wave.length)).toEqual([3]);
  expect(wavesOf(['a', 'b', 'a'].map(streamed)).map((wave) => wave.length)).toEqual([2, 1]);
});
