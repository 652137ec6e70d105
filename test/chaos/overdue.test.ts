import { drainOf } from '../../chaos/watch/overdue';

const plan = {
  seed: 0,
  minutes: 1,
  producers: [],
  faults: [{ kind: 'crashTemporal' as const, atMs: 10_000, forMs: 20_000 }],
};
const curve = (...messages: number[]) => messages.map((count, place) => ({ seconds: place * 10, messages: count }));

it('what is overdue is drained when none is left after the fault, not before', () => {
  expect(drainOf(curve(0, 0, 7, 9, 4, 0, 0), plan)).toEqual({ most: 9, seconds: 20 });
  expect(drainOf(curve(0, 0, 7, 9, 4), plan)).toEqual({ most: 9, seconds: undefined });
});
