import { appendEvents } from '../../events/outbox';
import { outcomeEvents, STALE } from '../../events/postdate-events';
import type { Delivery } from '../../message/contract';
import { rfc3339 } from '../../message/due-time';
import type { Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import { newEvent } from '../../topics/event-types';
import type { Handled } from './answers';

/**
 * Emits an event, in the landing's transaction, for each message that was due and had no effect: `postdate.failed`, and
 * `postdate.skipped` for a stale one. For a message that its handler skips, the handler emits events of its own: it knows
 * why there was nothing to do.
 */
export async function emitOutcomeEvents(tx: Queryable, handled: Map<Delivery, Handled>): Promise<void> {
  const events = [...handled].flatMap(([{ message }, one]) => {
    if (!('answer' in one)) return [];
    const { outcome, reason } = one.answer;
    const at = { dueAt: rfc3339(message.dueAt) };
    if (outcome === 'failed')
      return [newEvent(message, outcomeEvents.failed, { reason: storable(reason) ?? '', ...at })];
    const stale = outcome === 'skipped' && reason === STALE;
    return stale ? [newEvent(message, outcomeEvents.skipped, { reason, ...at })] : [];
  });
  if (events.length > 0) await appendEvents(tx, events);
}
