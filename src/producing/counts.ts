import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { withinDeadline } from './deadline';
import { list, queryOf, type Selection } from './list';

/** How many messages of an hour, a topic or a tenant wait. */
export interface Count {
  of: string;
  waiting: number;
}

/** Called after each query to Temporal, to show progress. */
type OnQuery = () => void;

// Temporal answers each query in milliseconds, and serves others at the same time.
const AT_A_TIME = 4;
const HOUR_MS = 3_600_000;

export const countWaiting = async (client: Client, selection: Selection): Promise<number> =>
  (await withinDeadline(client, () => client.workflow.count(queryOf({ ...selection, state: 'waiting' })))).count;

/**
 * The waiting messages by the hour (UTC) of their due time, from the present hour on. What is due before and after is
 * counted in one group each.
 */
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

/**
 * The waiting messages of each of these topics. Messages of topics that this installation does not know are one further
 * group.
 */
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
 * The waiting messages by tenant, of at most `limit` tenants. Temporal cannot group by our attributes. One message
 * names a tenant, that tenant's messages are counted, and the next message is asked for among the remaining tenants.
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
