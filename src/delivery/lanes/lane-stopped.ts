import { appendEvents } from '../../events/outbox';
import { laneStopped } from '../../events/postdate-events';
import type { Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import { newEvent } from '../../topics/event-types';
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
