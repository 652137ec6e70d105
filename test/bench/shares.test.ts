import { pbkdf2Sync } from 'node:crypto';
import { bottleneckOf, meterCores, shareOf } from '../../bench/harness/shares';

describe('what bounds it', () => {
  it.each([
    [
      { cores: { Temporal: 1.1, PostgreSQL: 0.5, API: 0.3 } },
      'the processor: all 2 cores are busy, 58 % of it with Temporal',
    ],
    [{ cores: { Temporal: 0.4, API: 0.95 }, threads: { API: 1 } }, 'the thread of API, 95 % busy'],
    [{ cores: { Temporal: 0.4, API: 0.95 }, threads: { API: 2 } }, 'no processor: 68 % of the cores are busy'],
    [{ cores: { Temporal: 0.4, API: 0.95 } }, 'no processor: 68 % of the cores are busy'],
    // Where all cores are busy, the thread is not what is short.
    [
      { cores: { Temporal: 1, API: 0.95 }, threads: { API: 1 } },
      'the processor: all 2 cores are busy, 51 % of it with Temporal',
    ],
  ])('%j: %s', (load, said) => {
    expect(bottleneckOf({ ...load, machineCores: 2 })).toBe(said);
  });
});

it('a part’s share is of what all parts together kept busy', () => {
  expect(shareOf({ Temporal: 1, API: 0.5, clients: 0.5 }, 'Temporal')).toBe(0.5);
  expect(shareOf({ Temporal: 0 }, 'Temporal')).toBe(0);
});

it('a process that works is seen to', () => {
  const meter = meterCores({ this: [process.pid], nobody: [] });
  // Some tenths of a second; the kernel counts in hundredths.
  pbkdf2Sync('postdate', 'salt', 200_000, 64, 'sha512');
  const { cores, elapsedSeconds } = meter.read();
  expect(cores.this).toBeGreaterThan(0);
  expect(cores.nobody).toBe(0);
  expect(elapsedSeconds).toBeGreaterThan(0);
});
