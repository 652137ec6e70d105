import type { Queryable } from './database';

/** The database's clock as this process knows it; it decides what is due. */
export interface DatabaseClock {
  /** Epoch ms, within half a round trip of the truth. */
  now(): number;
  /** Takes a reading; the one with the shortest round trip of the last few counts. */
  read(db: Queryable): Promise<void>;
}

// A reading a second: enough of them for a quick one to be among them, few enough to follow a clock that drifts.
const READINGS = 10;

export function createDatabaseClock(): DatabaseClock {
  const readings: { offsetMs: number; roundTripMs: number }[] = [];
  const best = () => readings.reduce((one, two) => (two.roundTripMs < one.roundTripMs ? two : one));
  return {
    now: () => Date.now() + (readings.length > 0 ? best().offsetMs : 0),
    async read(db) {
      const sentAt = Date.now();
      const { rows } = await db.query<{ ms: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
      );
      const roundTripMs = Date.now() - sentAt;
      const offsetMs = (rows[0]?.ms ?? sentAt) - sentAt - roundTripMs / 2;
      readings.push({ offsetMs, roundTripMs });
      readings.splice(0, readings.length - READINGS);
    },
  };
}
