import { guardMsOf, hash01, wakeAtOf } from '../../src/message/wake';

const LEAD_MS = 100_000;
const DUE_AT = 1_800_000_000_000;
const wakeOf = (key: string, leadMs?: number) =>
  wakeAtOf({ topic: 'payment-request.expiry', tenant: 'acme', key, dueAt: DUE_AT, leadMs });

describe('the wake of messages due at one instant', () => {
  // Neighbouring ids, as a serial number makes them, are the hard case for a simple hash.
  const wakes = Array.from({ length: 20_000 }, (_, index) => wakeOf(`request-${index}`, LEAD_MS));

  it('is never before the lead begins, and never in the guard', () => {
    expect(Math.min(...wakes)).toBeGreaterThanOrEqual(DUE_AT - LEAD_MS);
    expect(Math.max(...wakes)).toBeLessThanOrEqual(DUE_AT - guardMsOf(LEAD_MS));
    expect(guardMsOf(LEAD_MS)).toBe(LEAD_MS / 5);
  });

  it('is spread evenly: every hundredth of the spread has its share', () => {
    const shares = new Array<number>(100).fill(0);
    for (const wake of wakes) {
      const place = Math.min(99, Math.floor((wake - (DUE_AT - LEAD_MS)) / (LEAD_MS * 0.008)));
      shares[place] = (shares[place] ?? 0) + 1;
    }
    // 200 expected, standard deviation 14: six of them either way.
    expect(Math.min(...shares)).toBeGreaterThan(115);
    expect(Math.max(...shares)).toBeLessThan(285);
  });
});

it('a message without a lead wakes when it is due', () => {
  expect(wakeOf('request-1')).toBe(DUE_AT);
  expect(wakeOf('request-1', 0)).toBe(DUE_AT);
});

it('a message that workers fetch by sets wakes two to five seconds after it was due, and in a burst later', () => {
  const wakes = Array.from({ length: 1_000 }, (_, index) => {
    const message = { topic: 'test.sets', tenant: 'acme', key: `k-${index}`, dueAt: DUE_AT, leadMs: LEAD_MS };
    return { few: wakeAtOf({ ...message, bySets: true }), many: wakeAtOf({ ...message, bySets: true, inBurst: true }) };
  });
  expect(Math.min(...wakes.map(({ few }) => few))).toBeGreaterThanOrEqual(DUE_AT + 2_000);
  expect(Math.max(...wakes.map(({ few }) => few))).toBeLessThan(DUE_AT + 5_000);
  expect(Math.min(...wakes.map(({ many }) => many))).toBeGreaterThanOrEqual(DUE_AT + 10_000);
});

it('a message that sleeps now will wake at the same instant in every later release', () => {
  // Figures of the first release: a replay with others would start its delivery at another time.
  expect(hash01('postdate:payment-request.expiry:acme:request-1')).toBe(0.04308382095769048);
  expect(hash01('')).toBe(0.6689221884589642);
  expect(wakeOf('request-1', LEAD_MS)).toBe(1799999976553);
});
