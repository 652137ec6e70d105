import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { list, queryOf, type Selection, withinDeadline } from './lookup';

/** How many messages wait, of something: an hour, a topic, a tenant. */
export interface Count {
  of: string;
  waiting: number;
}

/** What one question of a count cost, to whom it may concern. */
type OnQuery = () => void;

// Temporal answers each in milliseconds, and has others to serve.
const AT_A_TIME = 4;
const HOUR_MS = 3_600_000;

export const countWaiting = async (client: Client, selection: Selection): Promise<number> =>
  (await withinDeadline(client, () => client.workflow.count(queryOf({ ...selection, state: 'waiting' })))).count;

/** The waiting messages by the hour (UTC) that they are due in, from the present one on; what is due before and after it in one each. */
export async function countByHour(
  client: Client,
  selection: Selection,
  { hours, now = Date.now(), onQuery }: { hours: number; now?: number; onQuery?: OnQuery },
): Promise<Count[]> {
  const first = Math.floor(now / HOUR_MS) * HOUR_MS;
  const last = first + hours * HOUR_MS;
  const ranges = [
    { of: 'before', dueTo: first },
    ...Array.from({ length: hours }, (_, hour) => ({
      of: new Date(first + hour * HOUR_MS).toISOString().slice(0, 13),
      dueFrom: first + hour * HOUR_MS,
      dueTo: first + (hour + 1) * HOUR_MS,
    })),
    { of: 'later', dueFrom: last },
  ];
  const count = async ({ of, ...range }: { of: string } & Selection): Promise<Count> => {
    const waiting = await countWaiting(client, { ...selection, ...range });
    onQuery?.();
    return { of, waiting };
  };
  return pMap(ranges, count, { concurrency: AT_A_TIME });
}

/** The waiting messages by topic, of these topics; what waits of others that this installation does not know, too. */
export async function countByTopic(
  client: Client,
  selection: Selection,
  { topics, onQuery }: { topics: string[]; onQuery?: OnQuery },
): Promise<Count[]> {
  const counts: Count[] = [];
  for (const of of topics) {
    counts.push({ of, waiting: await countWaiting(client, { ...selection, topic: of }) });
    onQuery?.();
  }
  return withOthers(counts, await countWaiting(client, selection), 'topics not installed here');
}

/**
 * The waiting messages by tenant, of at most `limit` tenants. Temporal counts by no attribute of ours: one message names a
 * tenant, whose messages are counted, and the next one is asked for among all others'.
 */
export async function countByTenant(
  client: Client,
  selection: Selection,
  { limit, onQuery }: { limit: number; onQuery?: OnQuery },
): Promise<Count[]> {
  const counts: Count[] = [];
  while (counts.length < limit) {
    const others = { ...selection, state: 'waiting', notTenants: counts.map(({ of }) => of) } as const;
    const { value: next } = await list(client, others).next();
    if (!next) break;
    counts.push({ of: next.tenant, waiting: await countWaiting(client, { ...selection, tenant: next.tenant }) });
    onQuery?.();
  }
  counts.sort((one, two) => two.waiting - one.waiting || one.of.localeCompare(two.of));
  return counts.length < limit ? counts : withOthers(counts, await countWaiting(client, selection), 'further tenants');
}

function withOthers(counts: Count[], inAll: number, of: string): Count[] {
  const waiting = inAll - counts.reduce((sum, count) => sum + count.waiting, 0);
  return waiting > 0 ? [...counts, { of, waiting }] : counts;
}
