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

/** Runs checks one after the other, as each may rely on the one before, and yields each finding as it comes. */
export async function* runChecks(checks: Check[], describeError: (error: unknown) => string): AsyncGenerator<Finding> {
  for (const { name, run } of checks) {
    try {
      yield { check: name, ...(await run()) };
    } catch (error) {
      const says = `could not be checked: ${wordsOf(error, describeError)}`;
      yield { check: name, status: 'warn', says, todo: 'see to what failed above' };
    }
  }
}

/** A library may have rejected with anything. That must not end the checks that follow. */
function wordsOf(error: unknown, describeError: (error: unknown) => string): string {
  try {
    return describeError(error);
  } catch {
    return describeError(readThrown(error));
  }
}

/** Checks that cannot run, all for one reason. */
export const blockedChecks = (names: string[], why: string): Check[] =>
  names.map((name) => ({ name, run: () => Promise.reject(new Error(why)) }));
