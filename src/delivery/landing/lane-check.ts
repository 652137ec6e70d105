import type { Queryable } from '../../platform/database/pool';

/** A lane other than stable that lands, and the version of the topic's lanes by which the messages are its own. */
export interface LandingLane {
  name: string;
  version: number;
}

/** The topic's lanes have changed: each message's lane is to be chosen anew. */
export class LaneChanged extends Error {
  override readonly name = 'LaneChanged';
}

/**
 * Holds the topic's lanes as they are until this transaction ends, if they are still at this version. A change of the lanes
 * waits for the transaction, so that no landing by older rules comes after the change. Throws a `LaneChanged`.
 */
export async function mustBeAt(tx: Queryable, topic: string, { version }: LandingLane): Promise<void> {
  const { rows } = await tx.query<{ version: number }>({
    name: 'postdate.lane-version',
    text: 'select postdate.hold_lanes($1)::float8 as version',
    values: [topic],
  });
  if (rows[0]?.version !== version) throw new LaneChanged(`lanes of ${topic} are at version ${rows[0]?.version}`);
}
