import type { cancel, move, schedule } from '../client';
import { problem } from './problems';
import type { Answer } from './route';

type ClientResult =
  | Exclude<Awaited<ReturnType<typeof schedule>>, { result: 'rejected' }>
  | Awaited<ReturnType<typeof move>>
  | Awaited<ReturnType<typeof cancel>>;

/**
 * The HTTP response to a result of the client (schedule, cancel or move): its status and body, and with a new message
 * its `location`.
 */
export function responseTo(result: ClientResult, location?: string): Answer {
  switch (result.result) {
    case 'scheduled':
      return { status: 201, body: result, location };
    case 'requested':
      return { status: 202, body: result };
    case 'notFound':
      return notFound();
    case 'tooLate':
      return refused(
        problem('tooLate', 'It has been decided before.', { outcome: result.outcome, firedAt: result.firedAt }),
      );
    case 'stale':
      return refused(problem('stale', 'Another cycle waits than was expected.', { cycle: result.cycle }));
    case 'kept':
    case 'moved':
    case 'cancelled':
      return { status: 200, body: result };
  }
}

export const refused = (body: ReturnType<typeof problem>): Answer => ({ status: body.status, body });
export const notFound = (): Answer => refused(problem('notFound', 'There is none of this name.'));

/** 200 with the object that was looked up, or 404 if there is none. */
export const found = (one: object | undefined): Answer => (one ? { status: 200, body: one } : notFound());
