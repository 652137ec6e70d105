import { planOf } from '../../chaos/plan';

it('a seed is a plan: the same one each time, and another one for another seed', () => {
  expect(planOf(7, 2)).toEqual(planOf(7, 2));
  expect(planOf(7, 2)).not.toEqual(planOf(8, 2));
});

it.each([7, 11, 4711])('ten minutes of seed %i have enough of each fault, and requests of each kind', (seed) => {
  const { faults, requests } = planOf(seed, 10);
  const of = (...kinds: string[]) => faults.filter(({ kind }) => kinds.includes(kind)).length;
  expect(of('kill', 'killPostgres', 'killTemporal')).toBeGreaterThanOrEqual(40);
  expect(of('link')).toBeGreaterThanOrEqual(20);
  for (const kind of ['killPostgres', 'killTemporal', 'pause', 'loseTimers']) expect(of(kind)).toBeGreaterThan(0);
  const all = requests.flat();
  expect(all.length).toBeGreaterThanOrEqual(2_000);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  for (const what of ['pay', 'cancel', 'extend']) {
    expect(all.filter(({ command }) => command?.what === what).length).toBeGreaterThan(100);
  }
});
