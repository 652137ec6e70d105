import type { Queryable } from '../database';
import { newEvent } from '../event-types';
import { appendEvents } from '../outbox';
import { laneStopped } from '../postdate-events';
import { storable } from '../storable';
import type { LaneRef } from './health';

/** The author of the lane guard's changes. */
export const LANE_GUARD = 'lane guard';

/**
 * Emits the event in the transaction that stops the lane. It belongs to no tenant's message: its tenant is `postdate`.
 */
export async function emitLaneStopped(
  tx: Queryable,
  { topic, lane }: LaneRef,
  { changeId, reason }: { changeId: number; reason: string },
): Promise<void> {
  const origin = { topic, tenant: 'postdate', key: lane, cycle: changeId };
  await appendEvents(tx, [newEvent(origin, laneStopped, { lane, reason: storable(reason) ?? '' })]);
}
