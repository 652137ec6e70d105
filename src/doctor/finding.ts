/** What one check found. `todo`: what to do about it, when it is not ok. */
export interface Finding {
  check: string;
  status: 'ok' | 'warn' | 'fail';
  says: string;
  todo?: string;
}

/** What a check finds, before it has its name. */
export type Found = Omit<Finding, 'check'>;

export const ok = (says: string): Found => ({ status: 'ok', says });
export const warn = (says: string, todo: string): Found => ({ status: 'warn', says, todo });
export const fail = (says: string, todo: string): Found => ({ status: 'fail', says, todo });

/** A check by its name. One that cannot run says so; it is never ok. */
export interface Check {
  name: string;
  look(): Promise<Found>;
}

/** Runs checks one after the other, as each may rest on the one before, and hands on what each finds as it comes. */
export async function* findingsOf(checks: Check[], sayWhy: (error: unknown) => string): AsyncGenerator<Finding> {
  for (const { name, look } of checks) {
    try {
      yield { check: name, ...(await look()) };
    } catch (error) {
      const says = `could not be checked: ${sayWhy(error)}`;
      yield { check: name, status: 'warn', says, todo: 'see to what failed above' };
    }
  }
}

/** Checks that cannot run at all, for one reason. */
export const uncheckable = (names: string[], why: string): Check[] =>
  names.map((name) => ({ name, look: () => Promise.reject(new Error(why)) }));
