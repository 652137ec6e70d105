import type { Pool } from 'pg';
import type { Delivery } from '../../../message/contract';
import { rfc3339 } from '../../../message/due-time';
import { inTransaction } from '../../../platform/database/pool';
import { runInBackground, UNTIL_NUDGED_MS } from '../../../platform/loops/background-loop';
import type { Topic } from '../../../topics/topic';
import { matchesMessage } from '../choose-lane';
import type { RoutingTable } from '../routing-table';

// As for held messages: a burst of wakes costs a few statements.
const COLLECT_MS = 250;
const BATCH = 500;
// The most copies in memory while the database is unavailable or slow. Beyond it messages are not compared: no other
// harm.
const MAX_QUEUED = 10_000;
// The connection comes from stable's pool, so a locked table must not keep it for longer.
const LOCK_TIMEOUT_MS = 100;

interface Copy {
  lane: string;
  delivery: Delivery;
}

/**
 * Writes copies of stable's messages for shadow lanes, in the background. An error with a copy never reaches the caller
 * or the landing. A lane without a live worker gets no copies.
 */
export function createShadowCopies(
  { pool, onError }: { pool: Pool; onError(error: unknown): void },
  routingOf: (topic: string) => RoutingTable | undefined,
) {
  const queue: Copy[] = [];

  async function flush(): Promise<'more' | 'idle'> {
    const copies = queue.slice(0, BATCH);
    if (copies.length === 0) return 'idle';
    await writeCopies(pool, copies);
    queue.splice(0, copies.length);
    return queue.length > 0 ? 'more' : 'idle';
  }

  const loop = runInBackground(flush, { pauseMs: () => (queue.length > 0 ? COLLECT_MS : UNTIL_NUDGED_MS), onError });
  return {
    copy({ name, forward }: Pick<Topic, 'name' | 'forward'>, delivery: Delivery): void {
      const routing = routingOf(name);
      // A topic that forwards has no handler to try.
      if (!routing || forward) return;
      for (const lane of shadowLanesFor(routing, delivery)) {
        if (queue.length === 0) loop.nudgeIn(COLLECT_MS);
        if (queue.length < MAX_QUEUED) queue.push({ lane, delivery });
      }
    },
    stop: loop.stop,
  };
}

/** The shadow lanes that try a delivery: those with a matching rule, and those without any rule. */
export function shadowLanesFor(routing: RoutingTable, { message }: Delivery): string[] {
  const shadows = [...routing.lanes.values()].filter(
    ({ mode, lane }) => mode === 'shadow' && routing.servedLanes.has(lane),
  );
  return shadows.flatMap(({ lane }) => {
    const rules = routing.rules.filter((rule) => rule.lane === lane);
    // A lane with only malformed rules was not meant for all messages.
    const forAll = rules.length === 0 && !routing.malformed.some((rule) => rule.lane === lane);
    return forAll || rules.some(({ match }) => matchesMessage(match, message, lane)) ? [lane] : [];
  });
}

const writeCopies = (pool: Pool, copies: Copy[]): Promise<unknown> =>
  inTransaction(
    pool,
    (tx) =>
      tx.query({
        name: 'postdate.write-shadow-copies',
        text: `insert into postdate.shadow_copy (topic, tenant, key, cycle, lane, due_at, delivery)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::timestamptz[], $7::jsonb[])
          order by 1, 2, 3, 4, 5
         on conflict do nothing`,
        values: [
          copies.map(({ delivery }) => delivery.message.topic),
          copies.map(({ delivery }) => delivery.message.tenant),
          copies.map(({ delivery }) => delivery.message.key),
          copies.map(({ delivery }) => delivery.message.cycle),
          copies.map(({ lane }) => lane),
          copies.map(({ delivery }) => rfc3339(delivery.message.dueAt)),
          copies.map(({ delivery }) => JSON.stringify(delivery)),
        ],
      }),
    { lockTimeoutMs: LOCK_TIMEOUT_MS },
  );

/**
 * Removes copies that no shadow took in time, at most `limit`: its worker is gone, or the lane is no shadow any more.
 */
export async function pruneCopies(db: Pick<Pool, 'query'>, limit: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from postdate.shadow_copy where (topic, lane, tenant, key, cycle) in (
       select topic, lane, tenant, key, cycle from postdate.shadow_copy
        where due_at < clock_timestamp() - interval '${KEPT_AFTER_DUE}'
        limit $1 for update skip locked)`,
    [limit],
  );
  return rowCount ?? 0;
}

// Much longer than a shadow waits for stable's decision, or than a burst takes to be tried.
const KEPT_AFTER_DUE = '10 minutes';
