import type { Delivery } from '../contract';
import type { Queryable } from '../database';
import { rfc3339 } from '../due-time';
import { newEvent } from '../event-types';
import { appendEvents } from '../outbox';
import { outcomeEvents, STALE } from '../postdate-events';
import { storable } from '../storable';
import type { Handled } from './answers';

/**
 * Emits an event, in the landing's transaction, for each message that was due and had no effect: `postdate.failed`, and
 * `postdate.skipped` for a stale one. For a message that its handler skips, the handler emits events of its own: it knows
 * why there was nothing to do.
 */
export async function emitOutcomeEvents(tx: Queryable, handled: Map<Delivery, Handled>): Promise<void> {
  const events = [...handled].flatMap(([{ message }, one]) => {
    if ('error' in one) return [];
    const { outcome, reason } = one.answer;
    const at = { dueAt: rfc3339(message.dueAt) };
    if (outcome === 'failed')
      return [newEvent(message, outcomeEvents.failed, { reason: storable(reason) ?? '', ...at })];
    const stale = outcome === 'skipped' && reason === STALE;
    return stale ? [newEvent(message, outcomeEvents.skipped, { reason, ...at })] : [];
  });
  if (events.length > 0) await appendEvents(tx, events);
}
