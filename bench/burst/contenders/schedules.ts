import type { CalendarSpec, Client } from '@temporalio/client';
import { temporalShape } from './temporal-shape';

const MONTHS = [
  ...['JANUARY', 'FEBRUARY', 'MARCH', 'APRIL', 'MAY', 'JUNE'],
  ...['JULY', 'AUGUST', 'SEPTEMBER', 'OCTOBER', 'NOVEMBER', 'DECEMBER'],
] as NonNullable<CalendarSpec['month']>[];

// A calendar of a schedule is exact to the second; due times of a burst are whole seconds.
function calendarOf(dueAt: number): CalendarSpec {
  const at = new Date(dueAt);
  return {
    year: at.getUTCFullYear(),
    month: MONTHS[at.getUTCMonth()] as CalendarSpec['month'],
    dayOfMonth: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
  };
}

/** One Temporal Schedule for each message, which starts a workflow of one activity. */
export const schedules = temporalShape({
  name: 'schedules',
  title: 'Temporal Schedules, one each',
  size: 'schedules',
  postsPerSecond: 10,
  post: (client, { id, dueAt }, taskQueue) =>
    client.schedule.create({
      scheduleId: id,
      spec: { calendars: [calendarOf(dueAt)], timezone: 'UTC' },
      action: { type: 'startWorkflow', workflowType: 'activityNow', taskQueue, args: [id], workflowId: id },
      state: { remainingActions: 1 },
    }),
  tidy: removeAll,
});

// One that has fired stays for days, and would be in the way of the next contender's server.
async function removeAll(client: Client): Promise<void> {
  for await (const { scheduleId } of client.schedule.list()) await client.schedule.getHandle(scheduleId).delete();
}
