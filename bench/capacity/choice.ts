import { cpus } from 'node:os';
import type { BenchArgs } from '../harness/context';
import { durationMs, wholeNumber, words } from '../harness/options';
import type { ServerChoice } from '../harness/servers';
import { UsageError } from '../harness/usage-error';
import { DEFAULT_AHEAD_MS } from '../sustained/flow';
import { placesHere } from './places';

export const options = {
  workers: { type: 'string' },
  messages: { type: 'string' },
  groups: { type: 'string' },
  'group-messages': { type: 'string' },
  transactions: { type: 'string' },
  rate: { type: 'string' },
  seconds: { type: 'string' },
  ahead: { type: 'string' },
  'find-max': { type: 'boolean' },
  'step-seconds': { type: 'string' },
  'quiet-seconds': { type: 'string' },
} as const;

/** The options as numbers. Throws when one makes no sense. */
export function sizesOf(args: BenchArgs) {
  const messages = wholeNumber(args, 'messages', 5_000);
  return {
    workers: numbers(args, 'workers', [1, 2, 4], 20),
    messages,
    groups: numbers(args, 'groups', [1, 10, 100, 500], 500),
    groupMessages: wholeNumber(args, 'group-messages', messages),
    // Of each worker, and while the groups are measured only: enough for the disk to be what ends it.
    transactions: wholeNumber(args, 'transactions', 4),
    // What sessions have committed is counted when they have been idle for ten seconds.
    quietMs: wholeNumber(args, 'quiet-seconds', 11) * 1_000,
    rate: {
      perSecond: wholeNumber(args, 'rate', 15),
      seconds: wholeNumber(args, 'seconds', 60),
      aheadMs: durationMs(args, 'ahead', DEFAULT_AHEAD_MS),
      stepSeconds: args['find-max'] ? wholeNumber(args, 'step-seconds', 45) : undefined,
    },
  };
}

export const check = (args: BenchArgs) => void sizesOf(args);

export const places = placesHere(cpus().length);

/** The application's database has a server of its own, as the landings are bound by its commits. */
export const servers = (): ServerChoice => ({
  taskset: { server: places.server, postgres: places.temporalDatabase },
  ownDatabaseServer: { cpus: places.database },
});

function numbers(args: BenchArgs, option: string, otherwise: number[], most: number): number[] {
  const given = words(args, option)?.map(Number) ?? otherwise;
  const isRight = (one: number) => Number.isSafeInteger(one) && one >= 1 && one <= most;
  if (given.length > 0 && given.every(isRight) && new Set(given).size === given.length) return given;
  throw new UsageError(`--${option}: must be different whole numbers from 1 to ${most}, like ${otherwise.join(',')}`);
}
