import { connectionShares, FEWEST_CONNECTIONS } from '../../../src/delivery/landing/connection-shares';

const pools = [FEWEST_CONNECTIONS, 7, 8, 10, 20, 50, 500];

it.each(pools)('of %d connections two topics can land side by side, and two are left beside them', (connections) => {
  for (const transactions of [1, 2, 5, 20, 100]) {
    const { groups, alone } = connectionShares({ connections, transactions });
    expect(groups.permits).toBeGreaterThanOrEqual(2);
    expect(alone.permits).toBeGreaterThanOrEqual(2);
    expect(groups.permits + alone.permits).toBeLessThanOrEqual(connections - 2);
  }
});

it('of fewer they could not (the control)', () => {
  const { groups, alone } = connectionShares({ connections: FEWEST_CONNECTIONS - 1, transactions: 2 });
  expect(groups.permits + alone.permits).toBeGreaterThan(FEWEST_CONNECTIONS - 1 - 2);
});
