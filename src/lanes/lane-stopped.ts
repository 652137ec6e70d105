import { z } from 'zod';
import type { Queryable } from '../database';
import { defineEvent, newEvent } from '../event-types';
import { storable } from '../ledger';
import { appendEvents } from '../outbox';
import type { LaneName } from './health';

/** The author of what the lane guard changes. */
export const LANE_GUARD = 'lane guard';

export const laneStopped = defineEvent({
  type: 'postdate.lane-stopped',
  summary: 'The lane guard has stopped a lane, as it was above one of its limits; its messages land in stable',
  data: z.object({ lane: z.string(), reason: z.string().max(2_000) }).meta({ id: 'LaneStopped' }),
});

/** Tells everyone, in the transaction of the change that has stopped it. It is about no tenant's message. */
export async function tellLaneStopped(
  tx: Queryable,
  { topic, lane }: LaneName,
  { changeId, reason }: { changeId: number; reason: string },
): Promise<void> {
  const origin = { topic, tenant: 'postdate', key: lane, cycle: changeId };
  await appendEvents(tx, [newEvent(origin, laneStopped, { lane, reason: storable(reason) ?? '' })]);
}
