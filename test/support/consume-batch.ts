import type { Pool } from 'pg';
import type { Consumer } from '../../src/events/consumer';
import { handleRound } from '../../src/events/handle-round';

/**
 * Has rounds of a consumer until one has done something, and returns how many rows it is done with: 0 if there is nothing to do, or
 * other processes are at it. Throws what `handle` throws at an event that the consumer stops at.
 */
export async function consumeBatch(pool: Pool, consumer: Consumer, limit = 100): Promise<number> {
  for (;;) {
    const round = await handleRound(pool, consumer, { limit, patient: false });
    if (!round) return 0;
    if (round.failure) throw round.failure;
    if (round.done > 0) return round.done;
  }
}
