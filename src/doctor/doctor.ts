import type { Client, Connection } from '@temporalio/client';
import type { Pool } from 'pg';
import { deliveryTaskQueue, WORKFLOW_TASK_QUEUE } from '../contract';
import type { Installation } from '../installation';
import { postdateSchema } from '../migrate';
import type { Publisher } from '../streams/publisher';
import { DATABASE_CHECKS, databaseChecks, databaseOf } from './database';
import { type Check, type Found, fail, uncheckable } from './finding';
import { LANE_CHECKS, laneChecks } from './lanes';
import { publisherChecks, STREAM_CHECKS, streamChecks } from './stream';
import { serverOf, TEMPORAL_CHECKS, temporalChecks } from './temporal';
import { WEBHOOK_CHECKS, webhookChecks } from './webhooks';
import { overdueCheckOf, overdueChecks, queueCheckOf, queueChecks, workerCheck } from './workers';

/** Something to look at, or why it is not there and what to do. */
export type Reached<What> = What | { unreachable: { says: string; todo: string } };
export interface Patient {
  database: Reached<{ pool: Pool }>;
  temporal: Reached<{ client: Client; connection: Connection; namespace: string }>;
}

const DEADLINE_MS = 10_000;

/** All checks, each after those that it rests on. */
export function checksOf(
  { database, temporal }: Patient,
  { topics, consumers, schemas }: Installation,
  publishers: Publisher[] = [],
): Check[] {
  const pool = 'pool' in database ? database.pool : undefined;
  const queues = [WORKFLOW_TASK_QUEUE, ...topics.map(({ name }) => deliveryTaskQueue(name))];
  return [
    { name: 'database', look: () => whenReached(database, ({ pool }) => databaseOf(pool)) },
    ...('pool' in database
      ? [...databaseChecks(database.pool, [postdateSchema, ...schemas]), workerCheck(database.pool)]
      : uncheckable([...DATABASE_CHECKS, 'workers'], 'the database is away')),
    { name: 'Temporal', look: () => whenReached(temporal, (reached) => serverOf(reached.connection)) },
    ...('client' in temporal
      ? inTime(temporal, [
          ...temporalChecks(temporal.connection, temporal.namespace),
          ...queueChecks(temporal.client, topics),
        ])
      : uncheckable([...TEMPORAL_CHECKS, ...queues.map(queueCheckOf)], 'Temporal is away')),
    ...(pool && 'client' in temporal
      ? inTime(temporal, overdueChecks(pool, temporal.client, topics))
      : uncheckable(topics.map(overdueCheckOf), `${pool ? 'Temporal' : 'the database'} is away`)),
    ...publisherChecks(publishers),
    ...(pool
      ? [...laneChecks(pool, topics), ...streamChecks(pool, [...consumers, ...publishers]), ...webhookChecks(pool)]
      : uncheckable([...LANE_CHECKS, ...STREAM_CHECKS, ...WEBHOOK_CHECKS], 'the database is away')),
  ];
}

const whenReached = async <What extends object>(
  reached: Reached<What>,
  look: (what: What) => Promise<Found>,
): Promise<Found> =>
  'unreachable' in reached ? fail(reached.unreachable.says, reached.unreachable.todo) : look(reached);

/** Calls to Temporal have no deadline of their own. */
const inTime = ({ connection }: { connection: Connection }, checks: Check[]): Check[] =>
  checks.map(({ name, look }) => ({ name, look: () => connection.withDeadline(Date.now() + DEADLINE_MS, look) }));
