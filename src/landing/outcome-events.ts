import { z } from 'zod';
import type { Queryable } from '../database';
import { rfc3339 } from '../due-time';
import { defineEvent, instant, newEvent } from '../event-types';
import { storable } from '../ledger';
import { appendEvents } from '../outbox';
import type { Handled } from './answers';
import type { Claimed } from './decide-without-handler';

/** The reason of what is skipped because it is later than its limit. */
export const STALE = 'stale';

const dueAt = instant.describe('when it was due');

/** What any topic's message may be told as. */
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

/**
 * Tells everyone, in the landing's transaction, what was due and had no effect: `postdate.failed`, and `postdate.skipped`
 * for what is stale. What a handler skips is its own to tell: it knows why there was nothing to do.
 */
export async function emitOutcomeEvents(tx: Queryable, claimed: Claimed[], handled: Handled[]): Promise<void> {
  const events = claimed.flatMap(({ delivery: { message } }, place) => {
    const one = handled[place] as Handled;
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
