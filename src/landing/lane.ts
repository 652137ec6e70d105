import type { Delivery } from '../contract';
import type { Queryable } from '../database';
import type { Topic } from '../topic';

/** A lane other than stable that lands, and the version of the topic's lanes by which the messages are its. */
export interface LandingLane {
  name: string;
  version: number;
}

/** The lane other than stable in whose name a worker lands. */
export interface QueuesLane {
  name: string;
  versionOf(topic: Topic): number;
  isMine(delivery: Delivery): boolean;
  /** The rules have changed: these are to be placed anew. */
  placeAnew(topic: Topic, deliveries: Delivery[]): void;
}

/** The topic's lanes have changed: whose the messages are is to be asked anew. */
export class LaneChanged extends Error {
  override readonly name = 'LaneChanged';
}

/**
 * Holds the topic's lanes as they are until this transaction ends, if they are still at this version. Whoever changes them
 * waits for it, so that no landing by older rules comes after the change. Throws a `LaneChanged`.
 */
export async function mustBeAt(tx: Queryable, topic: string, { version }: LandingLane): Promise<void> {
  const { rows } = await tx.query<{ version: number }>({
    name: 'postdate.lane-version',
    text: 'select postdate.hold_lanes($1)::float8 as version',
    values: [topic],
  });
  if (rows[0]?.version !== version) throw new LaneChanged(`lanes of ${topic} are at version ${rows[0]?.version}`);
}
