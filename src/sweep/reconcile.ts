import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { refuseRef } from '../admission';
import { cancel, describe, schedule } from '../client';
import type { MessageRef, ScheduledMessage } from '../contract';
import { countWaiting } from '../counts';
import { list } from '../lookup';
import type { Progress } from '../progress';
import { countUndecided, type TopicWithRows, undecided, withoutRow } from './waiting-rows';

export interface ReconcileOptions {
  /** At most so many workflows are started or ended a second. */
  perSecond: number;
  /** Finds, and changes nothing. */
  dryRun?: boolean;
  /** Ends workflows without a row however many they are. */
  force?: boolean;
  /** Is told of rows, then of workflows, then of those that are ended. */
  progress?: Progress;
}

export interface Reconciled {
  /** Rows without a waiting workflow: one was started for each. */
  started: MessageRef[];
  /** Waiting workflows without a row: each was cancelled, with `NO_ROW` as its reason. */
  ended: MessageRef[];
  /** Rows whose ids no message can have. */
  unusable: MessageRef[];
  /** So many seem to have no row that nothing was ended: rather the rows are wrong, or the `select` of them. */
  refused?: { withoutRow: number; waiting: number };
}

/** In the ledger: why reconciling has ended a message. */
export const NO_ROW = 'no row waits for it';

// So many keys make a query of some 10 KB.
const PAGE = 100;
// Up to so many may always be ended; beyond, only a tenth of what waits.
const FEW = 10;

/**
 * Brings rows and workflows of a topic together again, after Temporal was down when they were posted, somebody has
 * terminated workflows, or one of the two databases was restored: starts what is missing, ends what has no row. Safe to
 * run at any time, twice, and beside itself.
 */
export async function reconcile(
  { pool, client }: { pool: Pool; client: Client },
  topic: TopicWithRows,
  options: ReconcileOptions,
): Promise<Reconciled> {
  const { perSecond, dryRun = false, force = false, progress } = options;
  const rate = async (work: () => Promise<unknown>) => {
    if (!dryRun) await Promise.all([work(), pause(1_000 / perSecond)]);
  };
  const started: MessageRef[] = [];
  const unusable: MessageRef[] = [];
  // Counted for nobody who does not follow: the call is made, and its arguments are worked out, only where somebody does.
  progress?.begin(`rows of ${topic.name}`, await countUndecided(pool, topic));
  for await (const message of withoutWorkflow({ pool, client, progress }, topic, unusable)) {
    const { tenant, key, cycle, dueAt, payload } = message;
    const post = { topic, tenant, key, cycle, dueAt, payload: payload as never };
    await rate(() => schedule(client, post, { onConflict: 'keep' }));
    started.push(message);
  }
  const { orphans, waiting } = await withoutRows({ pool, client, progress }, topic);
  if (!force && orphans.length > Math.max(FEW, waiting / 10)) {
    return { started, ended: [], unusable, refused: { withoutRow: orphans.length, waiting } };
  }
  progress?.begin(`without a row, of ${topic.name}`, orphans.length);
  for (const ref of orphans) {
    await rate(() => cancel(client, ref, { reason: NO_ROW }));
    progress?.done();
  }
  return { started, ended: orphans, unusable };
}

interface Deps {
  pool: Pool;
  client: Client;
  progress?: Progress;
}

async function* withoutWorkflow(
  { pool, client, progress }: Deps,
  topic: TopicWithRows,
  unusable: MessageRef[],
): AsyncGenerator<ScheduledMessage> {
  let after = { tenant: '', key: '' };
  for (;;) {
    const page = await undecided(pool, topic, { after, limit: PAGE });
    const usable = page.filter((message) => refuseRef(message) === undefined);
    const known = new Set<string>();
    if (usable.length > 0) {
      const keys = usable.map(({ key }) => key);
      for await (const run of list(client, { topic: topic.name, keys, state: 'waiting' })) known.add(nameOf(run));
    }
    for (const message of page) {
      if (refuseRef(message) !== undefined) unusable.push(message);
      // Visibility may be behind; what `describe` says is not.
      else if (!known.has(nameOf(message)) && (await describe(client, message))?.state !== 'waiting') yield message;
      progress?.done();
    }
    if (page.length < PAGE) return;
    after = page.at(-1) as ScheduledMessage;
  }
}

async function withoutRows({ pool, client, progress }: Deps, topic: TopicWithRows) {
  progress?.begin(`workflows of ${topic.name}`, await countWaiting(client, { topic: topic.name }));
  const orphans: MessageRef[] = [];
  let waiting = 0;
  let page: MessageRef[] = [];
  const look = async () => {
    orphans.push(...(await withoutRow(pool, topic, page)));
    waiting += page.length;
    page = [];
  };
  for await (const { tenant, key } of list(client, { topic: topic.name, state: 'waiting' })) {
    page.push({ topic: topic.name, tenant, key });
    if (page.length === PAGE) await look();
    progress?.done();
  }
  await look();
  return { orphans, waiting };
}

const nameOf = ({ tenant, key }: { tenant: string; key: string }) => `${tenant}/${key}`;
