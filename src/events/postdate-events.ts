import { z } from 'zod';
import { COMMANDS } from '../message/commands';
import { defineEvent, instant } from '../topics/event-types';

/** The reason of a message that is skipped because it is later than its limit. */
export const STALE = 'stale';

/** The reason of a series that has ended before its `until` or `maxCycles`. */
export const NO_DUE_TIME = 'noDueTime';

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
  seriesEnded: defineEvent({
    type: 'postdate.series-ended',
    summary: 'A repeating message has landed for the last time, as its calendar has no due time in the next 20 years',
    data: z.object({ reason: z.literal(NO_DUE_TIME), dueAt }).meta({ id: 'SeriesEnded' }),
  }),
};

/** The dispatcher's event. A message may have several in one cycle, so its id also names the command. */
export const commandRefused = defineEvent({
  type: 'postdate.refused',
  summary: 'A command that was posted in SQL was refused by a worker, and nothing was done: post it again, corrected',
  data: z
    .object({
      commandId: z.string().describe('as postdate.schedule, cancel or move returned it'),
      what: z.enum(COMMANDS),
      code: z.string().describe('as in errors of the HTTP API'),
      field: z.string().describe('the field that is wrong, with its path'),
      message: z.string().max(2_000),
    })
    .meta({ id: 'Refused' }),
});

/** The lane guard's event. */
export const laneStopped = defineEvent({
  type: 'postdate.lane-stopped',
  summary: 'The lane guard has stopped a lane, as it was above one of its limits; its messages land in stable',
  data: z.object({ lane: z.string(), reason: z.string().max(2_000) }).meta({ id: 'LaneStopped' }),
});
