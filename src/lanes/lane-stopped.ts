import { z } from 'zod';
import type { Queryable } from '../database';
import { defineEvent, newEvent } from '../event-types';
import { storable } from '../ledger';
import { appendEvents } from '../outbox';
import type { LaneRef } from './health';

/** The author of the lane guard's changes. */
export const LANE_GUARD = 'lane guard';

export const laneStopped = defineEvent({
  type: 'postdate.lane-stopped',
  summary: 'The lane guard has stopped a lane, as it was above one of its limits; its messages land in stable',
  data: z.object({ lane: z.string(), reason: z.string().max(2_000) }).meta({ id: 'LaneStopped' }),
});

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
