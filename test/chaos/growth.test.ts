import { growthOf } from '../../chaos/watch/growth';

const samples = (valueAt: (seconds: number) => number) =>
  Array.from({ length: 60 }, (_, n) => ({ seconds: n * 10, values: { value: valueAt(n * 10) } }));

it('what grows by 36 an hour has that slope, whatever its noise', () => {
  const noise = [0.3, -0.3];
  const growth = growthOf(
    samples((seconds) => 100 + seconds / 100 + (noise[(seconds / 10) % 2] ?? 0)),
    'value',
  );
  expect(growth.perHour).toBeCloseTo(36, 0);
  expect(growth).toMatchObject({ first: 100.3, last: 105.6 });
});

it('what is flat has none', () => {
  expect(
    growthOf(
      samples(() => 7),
      'value',
    ),
  ).toEqual({ first: 7, last: 7, perHour: 0 });
});
