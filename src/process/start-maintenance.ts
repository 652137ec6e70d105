import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { startLaneGuard } from '../delivery/lanes/lane-guard';
import { countDifferences } from '../delivery/lanes/shadow/comparisons';
import type { WorkerLanes } from '../delivery/lanes/worker-lanes';
import { startSealing } from '../delivery/ledger/seals';
import { startUnansweredWatch } from '../events/answers/unanswered';
import { type RetentionDays, startRetention } from '../maintenance/retention';
import { startReconciliation } from '../maintenance/start-reconciling';
import type { BackgroundLoop } from '../platform/loops/background-loop';
import type { Metrics } from '../platform/telemetry/metrics';
import { createUnreadableReport } from '../producing/unreadable-report';
import type { Topic } from '../topics/topic';

/**
 * Starts the background maintenance: reconciling, sealing, retention and the lane guard, each round done by one worker
 * for all; and the gauge of unanswered messages, in every worker.
 */
export function startMaintenance(
  deps: {
    pool: Pool;
    client: Client;
    lanes: WorkerLanes;
    metrics: Metrics;
    log: Logger;
    onError(part: string): (error: unknown) => void;
  },
  topics: Topic[],
  kept: RetentionDays,
): Pick<BackgroundLoop, 'stop'>[] {
  const { pool, client, lanes, metrics, log, onError } = deps;
  const onFound = (topic: string, found: object) => log.warn({ topic, ...found }, 'rows and workflows did not agree');
  const onUnreadable = createUnreadableReport({ metrics, log });
  return [
    startReconciliation({ pool, client, onFound, onUnreadable, onError: onError('reconciliation') }, topics),
    startSealing(pool, { onError: onError('sealing') }),
    startRetention({ pool, onError: onError('retention') }, topics, kept),
    startUnansweredWatch({ pool, metrics, onError: onError('unanswered') }, topics),
    startLaneGuard(
      { pool, lanes, metrics, log, countDifferences, onError: onError('lane guard') },
      topics.map(({ name }) => name),
    ),
  ];
}
