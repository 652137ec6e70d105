import type { Queryable } from '../../platform/database/pool';
import type { LaneChangeName } from './lane';

/** A row of `postdate.lane_change`: a change with its author and reason. `changedAt` is RFC 3339. */
export interface RecordedChange {
  id: number;
  topic: string;
  lane: string;
  what: LaneChangeName;
  version: number;
  author: string;
  reason: string;
  changedAt: string;
  before: object;
  after: object;
}

/** Reads the last changes, the latest first, of all topics or of one topic or lane. */
export async function readLaneHistory(
  db: Queryable,
  { topic, lane, limit }: { topic?: string; lane?: string; limit: number },
): Promise<RecordedChange[]> {
  const { rows } = await db.query<Omit<RecordedChange, 'changedAt'> & { changed_at: Date }>(
    `select id::float8 as id, topic, lane, what, version::float8 as version, author, reason, before, after, changed_at
       from postdate.lane_change
      where ($1::text is null or topic = $1) and ($2::text is null or lane = $2)
      order by lane_change.id desc limit $3`,
    [topic, lane, limit],
  );
  return rows.map(({ changed_at, ...row }) => ({ ...row, changedAt: changed_at.toISOString() }));
}

/**
 * Reads the change that made a version, if it is the topic's last; undefined if it was made by hand in the database.
 */
export async function readChangeOfVersion(
  db: Queryable,
  topic: string,
  version: number,
): Promise<RecordedChange | undefined> {
  const [last] = await readLaneHistory(db, { topic, limit: 1 });
  return last?.version === version ? last : undefined;
}
