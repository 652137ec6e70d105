import { divide, tenantWeightsIn } from '../../../src/producing/dispatch/tenant-shares';

const turn = { tenant: '', left: 0 };
const unlimited = { weights: {}, room: () => 100, turn };
const shares = (...args: Parameters<typeof divide>) => Object.fromEntries(divide(...args).shares);

it('tenants take turns; one alone has all', () => {
  expect(shares(['a', 'b'], 5, unlimited)).toEqual({ a: 3, b: 2 });
  expect(shares(['a', 'b', 'c'], 2, unlimited)).toEqual({ a: 1, b: 1 });
  expect(shares(['a'], 5, unlimited)).toEqual({ a: 5 });
  expect(shares([], 5, unlimited)).toEqual({});
  expect(shares(['a'], 0, unlimited)).toEqual({});
});

it('a tenant with a weight has so many in its turn', () => {
  const weights = tenantWeightsIn('b=3, c=2,');
  expect(shares(['a', 'b', 'c'], 12, { ...unlimited, weights })).toEqual({ a: 2, b: 6, c: 4 });
  expect(shares(['b', 'a'], 2, { ...unlimited, weights })).toEqual({ b: 2 });
  // No name is a weight by chance.
  expect(shares(['constructor', 'b'], 4, { ...unlimited, weights })).toEqual({ constructor: 1, b: 3 });
});

it('none has more than its room, and what it cannot use is for the others', () => {
  const room = (tenant: string) => ({ a: 1, b: 0, c: 3 })[tenant] ?? 100;
  expect(shares(['a', 'b', 'c', 'd'], 9, { weights: {}, room, turn })).toEqual({ a: 1, c: 3, d: 5 });
  expect(shares(['a', 'b', 'c'], 9, { weights: {}, room, turn })).toEqual({ a: 1, c: 3 });
});

it.each([1, 2, 3, 5, 20])('weights hold over many claims of %d places each', (places) => {
  const weights = { a: 4, c: 2 };
  const all = ['a', 'b', 'c'];
  const given: Record<string, number> = {};
  let present = turn;
  for (let claim = 0; claim < 420; claim += 1) {
    // As tenantsWithCommands orders them.
    const first = all.findIndex((tenant) => (present.left > 0 ? tenant >= present.tenant : tenant > present.tenant));
    const ordered = first < 0 ? all : [...all.slice(first), ...all.slice(0, first)];
    const divided = divide(ordered.slice(0, places), places, { ...unlimited, weights, turn: present });
    present = divided.turn;
    for (const [tenant, share] of divided.shares) given[tenant] = (given[tenant] ?? 0) + share;
  }
  expect(given).toEqual({ a: 240 * places, b: 60 * places, c: 120 * places });
});
