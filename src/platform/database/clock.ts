import type { Queryable } from './pool';

/** This process's estimate of the database's clock, which decides what is due. */
export interface DatabaseClock {
  /** Epoch ms, within half a round trip of the truth. */
  now(): number;
  /**
   * Takes a reading. Of the last few readings, the one with the shortest round trip counts. Resolves to how many ms the
   * database's clock has jumped since the reading before, forward (above 0) or back (below 0): 0 without a jump.
   */
  read(db: Queryable): Promise<number>;
}

interface Reading {
  offsetMs: number;
  roundTripMs: number;
}

// At a reading a second: enough for one of them to be quick, and few enough to follow a clock that drifts.
const KEPT_READINGS = 10;
// Two healthy clocks drift apart by less than this while the kept readings are taken.
const MAX_DRIFT_MS = 4;

export function createDatabaseClock(): DatabaseClock {
  let readings: Reading[] = [];
  const best = () => readings.reduce((one, two) => (two.roundTripMs < one.roundTripMs ? two : one));
  const offsetMs = () => (readings.length > 0 ? best().offsetMs : Date.now() - performance.now());
  return {
    // Based on the monotonic clock that this process's timers run by, which an operator cannot set.
    now: () => performance.now() + offsetMs(),
    async read(db) {
      const sentAt = performance.now();
      const { rows } = await db.query<{ ms: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
      );
      const roundTripMs = performance.now() - sentAt;
      const newest = { offsetMs: (rows[0]?.ms ?? sentAt) - sentAt - roundTripMs / 2, roundTripMs };
      const beforeMs = readings.length > 0 ? offsetMs() : newest.offsetMs;
      const sameClock = readings.filter((reading) => agrees(reading, newest));
      const jumpedMs = sameClock.length < readings.length ? newest.offsetMs - beforeMs : 0;
      readings = [...sameClock, newest].slice(-KEPT_READINGS);
      return jumpedMs;
    },
  };
}

/** False if the clock has jumped between two readings: the true time of each is within half its round trip. */
const agrees = (one: Reading, two: Reading) =>
  Math.abs(one.offsetMs - two.offsetMs) <= (one.roundTripMs + two.roundTripMs) / 2 + MAX_DRIFT_MS;
