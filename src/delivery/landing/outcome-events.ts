import { appendEvents } from '../../events/outbox';
import { NO_DUE_TIME, outcomeEvents, STALE } from '../../events/postdate-events';
import type { Delivery, ScheduledMessage } from '../../message/contract';
import { rfc3339 } from '../../message/due-time';
import { occurrenceOf } from '../../message/occurrence';
import type { Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import { type NewEvent, newEvent } from '../../topics/event-types';
import type { Handled } from './answers';
import type { Answer } from './claims';

/**
 * Emits the events of Postdate itself, in the landing's transaction. A message that was due and had no effect has one:
 * `postdate.failed`, or `postdate.skipped` if it was stale. For a message that its handler skips, the handler emits events
 * of its own: it knows why there was nothing to do. A series that ends by its calendar has one as well.
 */
export async function emitOutcomeEvents(tx: Queryable, handled: Map<Delivery, Handled>): Promise<void> {
  const events = [...handled].flatMap(([{ message }, one]) => ('answer' in one ? eventsOf(message, one.answer) : []));
  if (events.length > 0) await appendEvents(tx, events);
}

function eventsOf(message: ScheduledMessage, { outcome, reason, seriesEnded }: Answer): NewEvent[] {
  const origin = { ...message, occurrence: occurrenceOf(message) };
  const at = { dueAt: rfc3339(message.dueAt) };
  const events: NewEvent[] = [];
  if (outcome === 'failed') {
    events.push(newEvent(origin, outcomeEvents.failed, { reason: storable(reason) ?? '', ...at }));
  }
  if (outcome === 'skipped' && reason === STALE) {
    events.push(newEvent(origin, outcomeEvents.skipped, { reason, ...at }));
  }
  if (seriesEnded) events.push(newEvent(origin, outcomeEvents.seriesEnded, { reason: NO_DUE_TIME, ...at }));
  return events;
}
