import type { Client, Connection } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Publisher } from '../../events/brokers/publisher';
import { deliveryTaskQueue, WORKFLOW_TASK_QUEUE } from '../../message/contract';
import { postdateSchema } from '../../platform/database/migrate';
import type { Installation } from '../../process/installation';
import { COMMAND_CHECKS, commandChecks } from './commands';
import { checkDatabase, DATABASE_CHECKS, databaseChecks } from './database';
import { blockedChecks, type Check, type Found, fail } from './finding';
import { LANE_CHECKS, laneChecks } from './lanes';
import { LOCK_CHECKS, lockChecks } from './locks';
import { MESSAGE_CHECKS, messageChecks } from './messages';
import { publisherChecks, STREAM_CHECKS, streamChecks } from './stream';
import { checkServer, TEMPORAL_CHECKS, temporalChecks } from './temporal';
import { WEBHOOK_CHECKS, webhookChecks } from './webhooks';
import { overdueCheckOf, overdueChecks, queueCheckOf, queueChecks, workerCheck } from './workers';

/** A connected system, or why it cannot be reached and what to do. */
export type Reachable<What> = What | { unreachable: { says: string; todo: string } };
export interface DoctorTargets {
  database: Reachable<{ pool: Pool }>;
  temporal: Reachable<{ client: Client; connection: Connection; namespace: string }>;
}

const DEADLINE_MS = 10_000;

/** All checks, each after those that it relies on. */
export function checksOf(
  { database, temporal }: DoctorTargets,
  { topics, consumers, schemas }: Installation,
  publishers: Publisher[] = [],
): Check[] {
  const pool = 'pool' in database ? database.pool : undefined;
  const queues = [WORKFLOW_TASK_QUEUE, ...topics.map(({ name }) => deliveryTaskQueue(name))];
  return [
    { name: 'database', run: () => ifReachable(database, ({ pool }) => checkDatabase(pool)) },
    ...('pool' in database
      ? [...databaseChecks(database.pool, [postdateSchema, ...schemas]), workerCheck(database.pool)]
      : blockedChecks([...DATABASE_CHECKS, 'workers'], 'the database is away')),
    { name: 'Temporal', run: () => ifReachable(temporal, checkTemporal) },
    ...('client' in temporal
      ? withDeadline(temporal, [
          ...temporalChecks(temporal.connection, temporal.namespace),
          ...queueChecks(temporal.client, topics, pool),
          ...messageChecks(temporal.client, topics),
        ])
      : blockedChecks([...TEMPORAL_CHECKS, ...queues.map(queueCheckOf), ...MESSAGE_CHECKS], 'Temporal is away')),
    ...(pool && 'client' in temporal
      ? withDeadline(temporal, overdueChecks(pool, temporal.client, topics))
      : blockedChecks(topics.map(overdueCheckOf), `${pool ? 'Temporal' : 'the database'} is away`)),
    ...publisherChecks(publishers),
    ...(pool
      ? [
          ...commandChecks(pool, topics),
          ...laneChecks(pool, topics),
          ...lockChecks(pool, topics, publishers),
          ...streamChecks(pool, [...consumers, ...publishers]),
          ...webhookChecks(pool),
        ]
      : blockedChecks(
          [...COMMAND_CHECKS, ...LANE_CHECKS, ...LOCK_CHECKS, ...STREAM_CHECKS, ...WEBHOOK_CHECKS],
          'the database is away',
        )),
  ];
}

const checkTemporal = ({ connection }: { connection: Connection }): Promise<Found> =>
  connection.withDeadline(Date.now() + DEADLINE_MS, () => checkServer(connection));

const ifReachable = async <What extends object>(
  reached: Reachable<What>,
  check: (what: What) => Promise<Found>,
): Promise<Found> =>
  'unreachable' in reached ? fail(reached.unreachable.says, reached.unreachable.todo) : check(reached);

/** Gives checks a deadline: calls to Temporal have none of their own. */
const withDeadline = ({ connection }: { connection: Connection }, checks: Check[]): Check[] =>
  checks.map(({ name, run }) => ({ name, run: () => connection.withDeadline(Date.now() + DEADLINE_MS, run) }));
