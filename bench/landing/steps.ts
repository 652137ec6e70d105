import type { Pool, PoolClient } from 'pg';

/** What a landing's transaction does, in its order. `handler`: the statements of the topic's own. `around`: those that undo its settings. */
export const STEPS = ['begin', 'claim', 'handler', 'events', 'around', 'answers', 'commit'] as const;
export type Step = (typeof STEPS)[number];

const BY_NAME: Record<string, Step> = {
  'postdate.claim': 'claim',
  'postdate.append-events': 'events',
  'postdate.record-answers': 'answers',
};
const BY_BEGINNING: [RegExp, Step][] = [
  [/^begin/, 'begin'],
  [/^commit/, 'commit'],
  [/^(savepoint|release savepoint|close all)/, 'around'],
];

function stepOf(statement: unknown): Step {
  const { name = '', text = '' } =
    typeof statement === 'string' ? { text: statement } : (statement as { name?: string; text?: string });
  return BY_NAME[name] ?? BY_BEGINNING.find(([beginning]) => beginning.test(text))?.[1] ?? 'handler';
}

/** Times in ms of all landings since the last reset. `rest`: from each begin to the end of its commit, less the steps. */
export interface StepTimes {
  transactions: number;
  ms: Record<Step, number>;
  restMs: number;
}

/**
 * Times the statements of each landing on a pool, from the call in Node to its result. Every statement on the pool counts, so it
 * should be for landings alone.
 */
export function timeSteps(pool: Pool): { reset(): void; read(): StepTimes } {
  let times = noTimes();
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    let beganAt = 0;
    client.query = (async (...args: unknown[]) => {
      const step = stepOf(args[0]);
      const startedAt = performance.now();
      if (step === 'begin') beganAt = startedAt;
      const result = await query(...args);
      const endedAt = performance.now();
      times.ms[step] += endedAt - startedAt;
      if (step === 'commit') {
        times.transactions += 1;
        times.restMs += endedAt - beganAt;
      }
      return result;
    }) as PoolClient['query'];
  });
  return {
    reset() {
      times = noTimes();
    },
    read() {
      const steps = STEPS.reduce((sum, step) => sum + times.ms[step], 0);
      return { ...times, restMs: times.restMs - steps };
    },
  };
}

const noTimes = (): StepTimes => ({
  transactions: 0,
  ms: Object.fromEntries(STEPS.map((step) => [step, 0])) as Record<Step, number>,
  restMs: 0,
});
