import type { Queryable } from '../database';
import { newEvent } from '../event-types';
import { appendEvents } from '../outbox';
import { laneStopped } from '../postdate-events';
import { storable } from '../storable';
import type { LaneName } from './health';

/** The author of what the lane guard changes. */
export const LANE_GUARD = 'lane guard';

/** Tells everyone, in the transaction of the change that has stopped it. It is about no tenant's message. */
export async function tellLaneStopped(
  tx: Queryable,
  { topic, lane }: LaneName,
  { changeId, reason }: { changeId: number; reason: string },
): Promise<void> {
  const origin = { topic, tenant: 'postdate', key: lane, cycle: changeId };
  await appendEvents(tx, [newEvent(origin, laneStopped, { lane, reason: storable(reason) ?? '' })]);
}
