import type { BenchArgs } from '../harness/context';
import { durationMs, wholeNumber, words } from '../harness/options';
import { UsageError } from '../harness/usage-error';
import type { Contender } from './contender';
import { field } from './field';

export const options = {
  messages: { type: 'string' },
  lead: { type: 'string' },
  only: { type: 'string' },
  'plain-messages': { type: 'string' },
  schedules: { type: 'string' },
  'posting-window': { type: 'string' },
  'posting-concurrency': { type: 'string' },
  'cached-workflows': { type: 'string' },
  'quiet-seconds': { type: 'string' },
} as const;

/** Throws when an option makes no sense. */
export function check(args: BenchArgs): void {
  sizesOf(args);
  leadOf(args);
  postingWindowOf(args);
  concurrencyOf(args);
  cachedWorkflowsOf(args);
  quietMsOf(args);
  chosen(args);
}

// Two cores wake 5,000 in about three minutes.
const DEFAULT_LEAD_MS = 4 * 60_000;
export const leadOf = (args: BenchArgs): number => durationMs(args, 'lead', DEFAULT_LEAD_MS);

/** All are posted evenly in so long before they are due. Undefined: before that, as fast as they are taken. */
export const postingWindowOf = (args: BenchArgs): number | undefined =>
  args['posting-window'] === undefined ? undefined : durationMs(args, 'posting-window', 0);

// As many as a busy producer has under way. More only wait in the server.
const DEFAULT_CONCURRENCY = 50;
export const concurrencyOf = (args: BenchArgs): number => wholeNumber(args, 'posting-concurrency', DEFAULT_CONCURRENCY);

/** Undefined: as a worker has them that nobody has tuned. */
export const cachedWorkflowsOf = (args: BenchArgs): number | undefined =>
  args['cached-workflows'] === undefined ? undefined : wholeNumber(args, 'cached-workflows', 0);

// The last contender's connections, caches and background writing are over by then. Less is for trying the benchmark out.
const DEFAULT_QUIET_SECONDS = 5;
export const quietMsOf = (args: BenchArgs): number => wholeNumber(args, 'quiet-seconds', DEFAULT_QUIET_SECONDS) * 1_000;

export type Sizes = Record<Contender['size'], number>;

export function sizesOf(args: BenchArgs): Sizes {
  const full = wholeNumber(args, 'messages', 5_000);
  // A slower machine may give these fewer: at 24 to 40 a second 5,000 take minutes.
  const plain = wholeNumber(args, 'plain-messages', full);
  // Each is created for itself, several times slower than a workflow.
  const schedules = wholeNumber(args, 'schedules', Math.min(200, plain));
  return { full, plain, schedules };
}

/** What a reader of the figures has to know. */
export const notesOf = ({ full, plain, schedules }: Sizes, windowMs?: number): string[] => [
  `The plain Temporal shapes carry ${plain} messages and Temporal Schedules ${schedules}, the others ${full}. ` +
    'Lateness grows with N, as each fires so many a second and no more; a smaller number flatters.',
  'CPU is of the whole life, from the first post until nothing is held any more, without what the servers use when idle.',
  'KB per held message: the peak of the worker’s memory until a second before the due time, less what it had right before the first post, by the messages.',
  ...(windowMs === undefined ? [] : [windowNote(windowMs)]),
];

const windowNote = (windowMs: number) =>
  `Posted evenly in the last ${windowMs / 1_000} s before they are due, each row right before its message. A message counts as ` +
  'posted when its producer had the answer.';

export function chosen(args: BenchArgs): Contender[] {
  const only = words(args, 'only');
  const unknown = only?.filter((name) => !field.some((one) => one.name === name)) ?? [];
  if (unknown.length > 0) {
    throw new UsageError(
      `--only: no contender ${unknown.join(', ')}. There are: ${field.map((one) => one.name).join(', ')}`,
    );
  }
  return only ? field.filter(({ name }) => only.includes(name)) : field;
}
