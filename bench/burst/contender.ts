import type { BenchContext } from '../harness/context';
import type { MeteredParts } from '../harness/cpu';

export interface Message {
  id: string;
  /** Epoch ms. */
  dueAt: number;
}

/** One try of one contender: the rows of this run are its own. */
export interface Attempt {
  bench: BenchContext;
  run: string;
  leadMs: number;
  /** How many workflows a worker of ours caches. Undefined: its default. */
  cachedWorkflows?: number;
}

/** A contender at work, ready to be given messages. */
export interface Started {
  parts: MeteredParts;
  /** Gives it one message, as a producer would. */
  post?(message: Message): Promise<unknown>;
  /** For one that reads what is due from the table itself: tells it when. */
  arm?(dueAt: number): Promise<unknown>;
  /** How many messages its own system still holds. */
  left(): Promise<number>;
  stop(): Promise<unknown>;
}

export interface Contender {
  /** As `--only` takes it. */
  name: string;
  /** As tables and charts show it. */
  title: string;
  /** `full`: --messages; `plain`: --plain-messages, as these take minutes; `schedules`: --schedules. */
  size: 'full' | 'plain' | 'schedules';
  /** Whether it wakes its messages before they are due, in the time that --lead says. */
  wantsLead?: true;
  /** A cautious guess, from which the due time follows. Posting that takes longer is done again with a later one. */
  postsPerSecond: number;
  /** The packages and versions that explain its figures. */
  packages: string[];
  /** Where its events are, when not in the application's own table. */
  events?: string;
  /** Why it cannot take part on this machine; looked at before the run. */
  missing?(log: (line: string) => void): Promise<string | undefined>;
  start(attempt: Attempt): Promise<Started>;
}
