import type { Pool } from 'pg';
import { inTransaction } from '../database';
import type { Progress } from '../progress';
import type { Topic } from '../topic';
import { type Conservation, conservationOf } from './conservation';
import { type Difference, differencesOf } from './differences';

export interface Audit {
  /** Of the snapshot, by the database's clock. RFC 3339. */
  at: string;
  /** Nothing is missing, and nothing disagrees. */
  sound: boolean;
  topics: { topic: string; tenants: Conservation[] }[];
  differences: Difference[];
}

/** Compares business rows, ledger, events and stream of these topics, all as of one instant. Changes nothing. */
export function audit(pool: Pool, topics: Topic[], progress?: Progress): Promise<Audit> {
  return inTransaction(pool, async (tx) => {
    // The first statement of all takes the snapshot that the others share.
    await tx.query('set transaction isolation level repeatable read, read only');
    // The ledger of years takes its time, and holds up nobody.
    await tx.query('set local statement_timeout = 0');
    const { rows } = await tx.query<{ at: Date }>('select clock_timestamp() as at');
    const [{ at }] = rows as [{ at: Date }];
    progress?.begin('topics', topics.length);
    const conserved = [];
    const found: Difference[][] = [];
    for (const topic of topics) {
      conserved.push({ topic: topic.name, tenants: await conservationOf(tx, topic) });
      found.push(await differencesOf(tx, topic));
      progress?.done();
    }
    const differences = found.flat();
    const sound = differences.length === 0 && conserved.every(({ tenants }) => tenants.every(({ gap }) => gap === 0));
    return { at: at.toISOString(), sound, topics: conserved, differences };
  });
}
