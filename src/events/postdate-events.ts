import { z } from 'zod';
import { defineEvent, instant } from '../topics/event-types';

/** The reason of a message that is skipped because it is later than its limit. */
export const STALE = 'stale';

const dueAt = instant.describe('when it was due');

/** The events that a message of any topic may have. */
export const outcomeEvents = {
  failed: defineEvent({
    type: 'postdate.failed',
    summary: 'A message was due and ended as failed: no retry could help, and somebody should look',
    data: z.object({ reason: z.string().max(2_000), dueAt }).meta({ id: 'Failed' }),
  }),
  skipped: defineEvent({
    type: 'postdate.skipped',
    summary: 'A message was later than its limit when it could land, and was left out',
    data: z.object({ reason: z.literal(STALE), dueAt }).meta({ id: 'Skipped' }),
  }),
};

/** The lane guard's event. */
export const laneStopped = defineEvent({
  type: 'postdate.lane-stopped',
  summary: 'The lane guard has stopped a lane, as it was above one of its limits; its messages land in stable',
  data: z.object({ lane: z.string(), reason: z.string().max(2_000) }).meta({ id: 'LaneStopped' }),
});
