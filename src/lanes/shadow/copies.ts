import type { Pool } from 'pg';
import { runInBackground } from '../../background-loop';
import type { Delivery } from '../../contract';
import { inTransaction } from '../../database';
import { rfc3339 } from '../../due-time';
import type { Topic } from '../../topic';
import { matchesMessage } from '../choose-lane';
import type { RoutingTable } from '../routing-table';

// As held messages are written down: a burst of wakes costs a few statements.
const COLLECT_MS = 250;
const BATCH = 500;
// What a database that is away, or slow, may leave waiting in memory. Beyond it messages are not compared, and no harm is done.
const WAITING_AT_MOST = 10_000;
// The connection is stable's own; whatever locks the table keeps it for no longer.
const LOCK_TIMEOUT_MS = 100;

interface Copy {
  lane: string;
  delivery: Delivery;
}

/**
 * Hands copies of what stable holds to the shadow lanes that want them, in the background: whatever becomes of a copy, the
 * caller and its landing never know. Lanes that nobody serves are given none.
 */
export function createShadowCopies(
  { pool, onError }: { pool: Pool; onError(error: unknown): void },
  routingOf: (topic: string) => RoutingTable | undefined,
) {
  const waiting: Copy[] = [];

  async function flush(): Promise<'more' | 'idle'> {
    const copies = waiting.slice(0, BATCH);
    if (copies.length === 0) return 'idle';
    await writeCopies(pool, copies);
    waiting.splice(0, copies.length);
    return waiting.length > 0 ? 'more' : 'idle';
  }

  const loop = runInBackground(flush, { pauseMs: COLLECT_MS, onError });
  return {
    copy({ name, forward }: Pick<Topic, 'name' | 'forward'>, delivery: Delivery): void {
      const routing = routingOf(name);
      // Without a handler of its own there is nothing to try.
      if (!routing || forward) return;
      for (const lane of lanesFor(routing, delivery)) {
        if (waiting.length < WAITING_AT_MOST) waiting.push({ lane, delivery });
      }
    },
    stop: loop.stop,
  };
}

/** The shadow lanes that are to try a delivery: those with a rule for it, and those without any rule. */
export function lanesFor(routing: RoutingTable, { message }: Delivery): string[] {
  const shadows = [...routing.lanes.values()].filter(
    ({ mode, lane }) => mode === 'shadow' && routing.servedLanes.has(lane),
  );
  return shadows.flatMap(({ lane }) => {
    const rules = routing.rules.filter((rule) => rule.lane === lane);
    // One whose rules nobody can read was not meant for everybody.
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

/** Removes copies that nobody took in time, of shadows that are away or none any more. Returns how many. */
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

// Far beyond what a shadow waits for stable's decision, and a burst for its turn.
const KEPT_AFTER_DUE = '10 minutes';
