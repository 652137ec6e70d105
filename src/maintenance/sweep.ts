import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { CommandsFirst } from '../delivery/hold/commands-first';
import type { Hold } from '../delivery/hold/hold';
import type { DatabaseClock } from '../platform/database/clock';
import { type BackgroundLoop, stoppedTogether } from '../platform/loops/background-loop';
import type { Metrics } from '../platform/telemetry/metrics';
import type { Waiting } from '../producing/waiting-runs';
import { hasRows } from '../topics/business-rows';
import type { Topic } from '../topics/topic';
import type { LostAnswers } from './lost-answers';
import { startSweepOfMessages } from './overdue-messages';
import { type SweepLimits, startSweepOfRows } from './overdue-rows';
import { startSweepOfWorkflows } from './overdue-workflows';
import type { Recovery } from './recovery';
import { startSweepOfEndings } from './wrongly-ended';

/**
 * Starts the sweep, which delivers overdue messages even if their timers or deliveries are lost. It has four parts: one
 * over business rows and held messages, which needs only the database; one over messages that wait in Temporal and that
 * no worker holds; one over workflows; and one over workflows that have ended. One worker at a time does a topic's round.
 */
export function startSweep(
  deps: {
    pool: Pool;
    client: Client;
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
    ...(hasRows(topic) ? [] : [startSweepOfEndings(deps, hold, topic)]),
  ]);
  return stoppedTogether([...loops, startSweepOfMessages(deps, hold, topics, limits)]);
}
