import { z } from 'zod';
import { cloudEvent } from '../topics/event-types';
import { type PostdateEvent, SOURCE } from './outbox';

// The data is its emitter's affair. All else is read by the stream's readers themselves.
const envelope = cloudEvent.extend({ data: z.unknown() });

/** What a row of the outbox holds: an event, or why it is none. */
export type ReadEvent = { event: PostdateEvent } | { unreadable: string };

/**
 * Reads the payload of a row of the outbox. It may have been written by a stranger: a role with rights on the table, another
 * release, a repair by hand. Never throws.
 */
export function readEvent(payload: unknown): ReadEvent {
  if (payload === null || payload === undefined) return { unreadable: 'the event is not there' };
  const parsed = envelope.safeParse(payload);
  if (!parsed.success) {
    const { path = [], message = '' } = parsed.error.issues[0] ?? {};
    return { unreadable: `no event: ${path.join('.') || 'the payload'}: ${message}` };
  }
  const { source, tenant, subject } = parsed.data;
  // The message that an event is about is read from these two.
  if (!source.startsWith(SOURCE)) return { unreadable: `no event: source: must begin with ${SOURCE}` };
  if (!subject.startsWith(`${tenant}/`)) return { unreadable: 'no event: subject: must be tenant/key' };
  // As it is, with fields that this release does not know.
  return { event: payload as PostdateEvent };
}
