import type { Queryable } from './database';

/** The database's clock as this process knows it; it decides what is due. */
export interface DatabaseClock {
  /** Epoch ms, within half a round trip of the truth. */
  now(): number;
  /**
   * Takes a reading; the one with the shortest round trip of the last few counts. Resolves to how many ms the database's
   * clock has jumped since, forward or back: 0 if it has gone on as a clock does.
   */
  read(db: Queryable): Promise<number>;
}

interface Reading {
  offsetMs: number;
  roundTripMs: number;
}

// A reading a second: enough of them for a quick one to be among them, few enough to follow a clock that drifts.
const READINGS = 10;
// Two clocks that are well drift apart by less while these are taken.
const DRIFT_MS = 4;

export function createDatabaseClock(): DatabaseClock {
  let readings: Reading[] = [];
  const best = () => readings.reduce((one, two) => (two.roundTripMs < one.roundTripMs ? two : one));
  const offsetMs = () => (readings.length > 0 ? best().offsetMs : Date.now() - performance.now());
  return {
    // Counted on from what this process's timers run by, which nobody sets: not by this machine's own clock.
    now: () => performance.now() + offsetMs(),
    async read(db) {
      const sentAt = performance.now();
      const { rows } = await db.query<{ ms: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
      );
      const roundTripMs = performance.now() - sentAt;
      const newest = { offsetMs: (rows[0]?.ms ?? sentAt) - sentAt - roundTripMs / 2, roundTripMs };
      const beforeMs = readings.length > 0 ? offsetMs() : newest.offsetMs;
      const sameClock = readings.filter((reading) => agree(reading, newest));
      const jumpedMs = sameClock.length < readings.length ? newest.offsetMs - beforeMs : 0;
      readings = [...sameClock, newest].slice(-READINGS);
      return jumpedMs;
    },
  };
}

/** False for readings of which one was taken before a jump: the truth of each is within half its round trip. */
const agree = (one: Reading, two: Reading) =>
  Math.abs(one.offsetMs - two.offsetMs) <= (one.roundTripMs + two.roundTripMs) / 2 + DRIFT_MS;
