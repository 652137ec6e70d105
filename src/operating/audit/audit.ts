import type { Pool } from 'pg';
import { inTransaction } from '../../platform/database/pool';
import type { Progress } from '../../platform/loops/progress';
import type { Topic } from '../../topics/topic';
import { type Conservation, countConservation } from './conservation';
import { type Difference, findDifferences } from './differences';

export interface Audit {
  /** The instant of the snapshot, by the database's clock. RFC 3339. */
  at: string;
  /** No cycle is missing, and no records disagree. */
  sound: boolean;
  topics: { topic: string; tenants: Conservation[] }[];
  differences: Difference[];
}

/** Compares business rows, ledger, events and stream of these topics as of one instant. Changes nothing. */
export function runAudit(pool: Pool, topics: Topic[], progress?: Progress): Promise<Audit> {
  return inTransaction(pool, async (tx) => {
    // The first query takes the snapshot that the others share.
    await tx.query('set transaction isolation level repeatable read, read only');
    // Reading the ledger of years is slow, and takes no locks that block others.
    await tx.query('set local statement_timeout = 0');
    const { rows } = await tx.query<{ at: Date }>('select clock_timestamp() as at');
    const [{ at }] = rows as [{ at: Date }];
    progress?.begin('topics', topics.length);
    const conservations = [];
    const found: Difference[][] = [];
    for (const topic of topics) {
      conservations.push({ topic: topic.name, tenants: await countConservation(tx, topic) });
      found.push(await findDifferences(tx, topic));
      progress?.done();
    }
    const differences = found.flat();
    const sound =
      differences.length === 0 && conservations.every(({ tenants }) => tenants.every(({ gap }) => gap === 0));
    return { at: at.toISOString(), sound, topics: conservations, differences };
  });
}
