import type { Refusal } from './refusal';

/** The lane that every topic has. It lands all messages that no rule sends elsewhere. */
export const STABLE = 'stable';

const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** Why this cannot be the name of a lane. The name becomes part of a task queue's name. */
export function refuseLaneName(lane: string): Refusal | undefined {
  if (NAME.test(lane)) return undefined;
  const message = 'must be 1 to 40 of a-z, 0-9 and -, and not begin with -';
  return { code: 'invalidLane', field: 'lane', message };
}
