import type { cancel, move, schedule } from '../client';
import { problem } from './problems';
import type { Answer } from './route';

type Said =
  | Exclude<Awaited<ReturnType<typeof schedule>>, { result: 'rejected' }>
  | Awaited<ReturnType<typeof move>>
  | Awaited<ReturnType<typeof cancel>>;

/** What the client said, as HTTP says it. */
export function answerTo(said: Said, location?: string): Answer {
  switch (said.result) {
    case 'scheduled':
      return { status: 201, body: said, location };
    case 'requested':
      return { status: 202, body: said };
    case 'notFound':
      return notFound();
    case 'tooLate':
      return refused(
        problem('tooLate', 'It has been decided before.', { outcome: said.outcome, firedAt: said.firedAt }),
      );
    case 'stale':
      return refused(problem('stale', 'Another cycle waits than was expected.', { cycle: said.cycle }));
    case 'kept':
    case 'moved':
    case 'cancelled':
      return { status: 200, body: said };
  }
}

export const refused = (body: ReturnType<typeof problem>): Answer => ({ status: body.status, body });
export const notFound = (): Answer => refused(problem('notFound', 'There is none of this name.'));

/** What was looked for, if there is one. */
export const found = (one: object | undefined): Answer => (one ? { status: 200, body: one } : notFound());
