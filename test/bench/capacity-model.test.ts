import { modelOf } from '../../bench/capacity/model';
import { perThousand } from '../../bench/capacity/parts';
import { placesOn, unpinned } from '../../bench/capacity/places';
import { shardOf } from '../../bench/capacity/sharded';

/** Every core that a part may use, as a set of numbers. */
const coresOf = (list = '') => {
  const [first, last = first] = list.split('-').map(Number);
  return Array.from({ length: (last as number) - (first as number) + 1 }, (_, index) => (first as number) + index);
};

it.each([4, 5, 8, 64])('on %d cores no two parts share one, and none is left over', (cores) => {
  const { server, temporalDatabase, database, workers, isApart } = placesOn(cores);
  const used = [server, temporalDatabase, database, workers].flatMap(coresOf);
  expect(isApart).toBe(true);
  expect([...used].sort((one, other) => one - other)).toEqual(Array.from({ length: cores }, (_, index) => index));
});

it('on fewer cores the server is apart from both databases, and the results say that parts share cores', () => {
  expect(placesOn(2)).toMatchObject({
    server: '0',
    workers: '0',
    temporalDatabase: '1',
    database: '1',
    isApart: false,
  });
  expect(placesOn(2).inWords).toContain('all parts share 2 cores');
  expect(placesOn(3)).toMatchObject({ server: '0', workers: '2', database: '1', isApart: false });
  for (const places of [placesOn(1), unpinned(8)]) {
    expect(places).toEqual({ isApart: false, inWords: expect.stringContaining('all parts share') });
  }
});

it('the cores that a part kept busy are its CPU seconds for 1,000 messages', () => {
  const cores = { server: 0.5, temporalDatabase: 0.25, database: 0.1, workers: 1.5 };
  expect(perThousand(cores, 10, 200)).toEqual({ server: 25, temporalDatabase: 12.5, database: 5, workers: 75 });
});

it('the model follows its formulas: shares, what one core carries, and the cores for a rate', () => {
  const model = modelOf({ server: 25, temporalDatabase: 10, database: 5, workers: 10 });
  expect(model.shares).toEqual({ server: 0.5, temporalDatabase: 0.2, database: 0.1, workers: 0.2 });
  // Half busy: 500 ms of each second, at 25 ms a message.
  expect(model.perSecondPerCore).toEqual({ server: 20, temporalDatabase: 50, database: 100, workers: 50 });
  expect(model.needs).toContainEqual({
    perSecond: 1_000,
    cores: { server: 50, temporalDatabase: 20, database: 10, workers: 20 },
  });
  expect(model.endsFirst).toBe('server');
});

it('the rule of the sharded form gives a tenant to the same installation always, and uses both', () => {
  const tenants = Array.from({ length: 1_000 }, (_, index) => `tenant-${index}`);
  const shards = tenants.map((tenant) => shardOf(tenant, ['one', 'two']));
  expect(tenants.map((tenant) => shardOf(tenant, ['one', 'two']))).toEqual(shards);
  const inOne = shards.filter((shard) => shard === 'one').length;
  expect(inOne).toBeGreaterThan(400);
  expect(inOne).toBeLessThan(600);
});
