import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { CommandsFirst } from '../delivery/hold/commands-first';
import type { Hold } from '../delivery/hold/hold';
import type { DatabaseClock } from '../platform/database/clock';
import { type BackgroundLoop, stoppedTogether } from '../platform/loops/background-loop';
import type { Metrics } from '../platform/telemetry/metrics';
import type { Waiting } from '../producing/waiting-runs';
import type { Topic } from '../topics/topic';
import type { LostAnswers } from './lost-answers';
import { startSweepOfMessages } from './overdue-messages';
import { type SweepLimits, startSweepOfRows } from './overdue-rows';
import { startSweepOfWorkflows } from './overdue-workflows';
import type { Recovery } from './recovery';

/**
 * Starts the sweep, which delivers overdue messages even if their timers or deliveries are lost. It has three parts: one
 * over business rows and held messages, which needs only the database; one over messages that wait in Temporal and that
 * no worker holds; and one over workflows. One worker at a time does a topic's round.
 */
export function startSweep(
  deps: {
    pool: Pool;
    worker: string;
    clock: DatabaseClock;
    waiting: Waiting;
    recovery: Recovery;
    lostAnswers: Pick<LostAnswers, 'watch'>;
    commandsFirst: Pick<CommandsFirst, 'landInOrder'>;
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
  return stoppedTogether([...loops, startSweepOfMessages(deps, hold, topics, limits)]);
}
