import { readThrown } from '../../platform/telemetry/thrown';

/** The result of one check. `todo`: what to do about it, if it is not ok. */
export interface Finding {
  check: string;
  status: 'ok' | 'warn' | 'fail';
  says: string;
  todo?: string;
}

/** A finding without the name of its check. */
export type Found = Omit<Finding, 'check'>;

export const ok = (says: string): Found => ({ status: 'ok', says });
export const warn = (says: string, todo: string): Found => ({ status: 'warn', says, todo });
export const fail = (says: string, todo: string): Found => ({ status: 'fail', says, todo });

/** A named check. A check that cannot run throws, and is never reported as ok. */
export interface Check {
  name: string;
  run(): Promise<Found>;
}

// A check makes a few calls. Each has ten seconds, and a statement in the database twenty.
const TIME_LIMIT_MS = 60_000;

/** Runs checks one after the other, as each may rely on the one before, and yields each finding as it comes. */
export async function* runChecks(
  checks: Check[],
  describeError: (error: unknown) => string,
  timeLimitMs = TIME_LIMIT_MS,
): AsyncGenerator<Finding> {
  for (const { name, run } of checks) {
    try {
      yield { check: name, ...(await withinTime(run(), timeLimitMs)) };
    } catch (error) {
      const says = `could not be checked: ${wordsOf(error, describeError)}`;
      yield { check: name, status: 'warn', says, todo: 'see to what failed above' };
    }
  }
}

/** Ends the wait for a check that gets no answer: a connection may be cut off without an error. */
async function withinTime(found: Promise<Found>, timeLimitMs: number): Promise<Found> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeLimitMs / 1_000} s`)), timeLimitMs);
  });
  try {
    return await Promise.race([found, over]);
  } finally {
    clearTimeout(timer);
    // What it says later is of no use.
    found.catch(() => undefined);
  }
}

/** A library may have rejected with anything. That must not end the checks that follow. */
function wordsOf(error: unknown, describeError: (error: unknown) => string): string {
  try {
    // Its message may be anything too.
    return `${describeError(error)}`;
  } catch {
    return describeError(readThrown(error));
  }
}

/** Checks that cannot run, all for one reason. */
export const blockedChecks = (names: string[], why: string): Check[] =>
  names.map((name) => ({ name, run: () => Promise.reject(new Error(why)) }));
