import { ProblemError, UNKNOWN_RESULT } from './problems';

/**
 * The answer of `work`, or a `ProblemError` `unavailable` when it has none after `ms`. The work itself goes on: what it
 * finds out is there for a repeat of the request.
 */
export function answeredWithin<Answer>(ms: number, work: () => Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new ProblemError('unavailable', UNKNOWN_RESULT));
    const timer = setTimeout(late, ms);
    const running = Promise.resolve().then(work);
    void running.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
