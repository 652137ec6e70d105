import type { Pool } from 'pg';
import type { Delivery, ScheduledMessage } from '../../message/contract';
import { STABLE } from '../../message/lane-name';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Topic } from '../../topics/topic';
import { writeHeld } from '../held/held-rows';
import type { Hold } from './hold';

// Rows of one statement. Landings and heartbeats of the same worker come between two of them.
const BATCH = 500;

/** What a set is taken with. */
export interface TakingSets {
  pool: Pool;
  worker: string;
  metrics: Pick<Metrics, 'fetched'>;
  hold: Pick<Hold, 'takeOver' | 'isLeft'>;
  /** How many more messages of a topic this worker has memory for. */
  room(topic: Topic): number;
}

/**
 * Holds messages that were fetched as a set, as many as there is room for, without their workflows. Their rows are written
 * first, so that another worker lands them if this one dies. Returns how many it has taken.
 */
export async function takeSet(
  { pool, worker, metrics, hold, room }: TakingSets,
  topic: Topic,
  messages: ScheduledMessage[],
  from: 'rows' | 'list',
): Promise<number> {
  const deliveriesOf = messages.map((message): Delivery => ({ message, late: false }));
  const taken = deliveriesOf.filter((delivery) => !hold.isLeft(delivery)).slice(0, room(topic));
  for (let first = 0; first < taken.length; first += BATCH) {
    const deliveries = taken.slice(first, first + BATCH);
    await writeHeld(pool, { worker, lane: STABLE }, deliveries);
    metrics.fetched(topic.name, from, hold.takeOver(topic, deliveries).length);
  }
  return taken.length;
}
