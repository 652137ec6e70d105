import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { type BackgroundLoop, stoppedTogether } from '../background-loop';
import type { DatabaseClock } from '../database-clock';
import type { Hold } from '../hold/hold';
import type { Waiting } from '../hold/waiting';
import type { Metrics } from '../metrics';
import type { Topic } from '../topic';
import { type SweepLimits, startSweepOfRows } from './overdue-rows';
import { startSweepOfWorkflows } from './overdue-workflows';
import type { Revival } from './revival';

/**
 * Looks after what is overdue, so that no message is lost whatever becomes of its timer: two loops a topic, one of which
 * needs the database only. One worker at a time does a topic's round.
 */
export function startSweep(
  deps: {
    pool: Pool;
    worker: string;
    clock: DatabaseClock;
    waiting: Waiting;
    revival: Revival;
    metrics: Pick<Metrics, 'rescued'>;
    log: Pick<Logger, 'warn'>;
    onError(error: unknown): void;
  },
  hold: Pick<Hold, 'takeOver'>,
  topics: Topic[],
  limits: SweepLimits,
): Pick<BackgroundLoop, 'stop'> {
  const loops = topics.flatMap((topic) => [
    startSweepOfRows(deps, hold, topic, limits),
    startSweepOfWorkflows(deps, topic, limits),
  ]);
  return stoppedTogether(loops);
}
