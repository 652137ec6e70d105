import type { Queryable } from '../database';
import { rfc3339 } from '../due-time';
import { appendEvents } from '../outbox';
import type { Handled } from './answers';
import type { Claimed } from './foregone';

/** The reason of what is skipped because it is later than its limit. */
export const STALE = 'stale';

/**
 * Tells everyone, in the landing's transaction, what was due and had no effect: `postdate.failed`, and `postdate.skipped`
 * for what is stale. What a handler skips is its own to tell: it knows why there was nothing to do.
 */
export async function tellUndelivered(tx: Queryable, claimed: Claimed[], handled: Handled[]): Promise<void> {
  const events = claimed.flatMap(({ delivery: { message } }, place) => {
    const one = handled[place] as Handled;
    if ('error' in one) return [];
    const { outcome, reason } = one.answer;
    const told = outcome === 'failed' || (outcome === 'skipped' && reason === STALE);
    return told
      ? [{ origin: message, type: `postdate.${outcome}`, data: { reason, dueAt: rfc3339(message.dueAt) } }]
      : [];
  });
  if (events.length > 0) await appendEvents(tx, events);
}
