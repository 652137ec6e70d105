import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { optionalTsToMs, tsToMs } from '@temporalio/common/lib/time';
import { nanoid } from 'nanoid';
import { searchAttributesIn } from '../../platform/temporal/search-attributes';
import { type Check, type Found, fail, ok, warn } from './finding';

// temporal.api.enums.v1.TaskQueueType
const ACTIVITIES = 2;
// gRPC's
const NOT_FOUND = 5;
const INVALID_ARGUMENT = 3;
const LONGEST_ID_BYTES = 255;
const SHORTEST_RETENTION_MS = 86_400_000;
// Several times the size of a payload of 16 KB with a hundred remembered commands.
const SMALLEST_BLOB_BYTES = 256 * 1024;
// By the numbers of temporal.api.enums.v1.IndexedValueType.
const TYPE_NAMES: Record<number, string> = { 2: 'Keyword', 6: 'Datetime' };

export const TEMPORAL_CHECKS = ['namespace', 'search attributes', 'workflow ids', 'Temporal clock'];

type Services = Pick<Connection, 'workflowService' | 'operatorService' | 'withAbortSignal'>;

export const temporalChecks = (connection: Services, namespace: string): Check[] => [
  { name: 'namespace', run: () => checkNamespace(connection, namespace) },
  { name: 'search attributes', run: () => checkSearchAttributes(connection, namespace) },
  { name: 'workflow ids', run: () => checkWorkflowIds(connection, namespace) },
  { name: 'Temporal clock', run: () => checkClock(connection, namespace) },
];

/** Reads Temporal's version. Throws if the server cannot be reached. */
export async function checkServer({ workflowService }: Services): Promise<Found> {
  const { serverVersion } = await workflowService.getSystemInfo({});
  return ok(`Temporal ${serverVersion || 'of a version that it does not tell'}`);
}

async function checkNamespace({ workflowService }: Services, namespace: string): Promise<Found> {
  const found = await workflowService.describeNamespace({ namespace }).catch((error) => {
    if (codeOf(error) === NOT_FOUND) return undefined;
    throw error;
  });
  if (!found) return fail(`there is no ${namespace}`, 'create it, or check TEMPORAL_NAMESPACE');
  const { capabilities, limits } = found.namespaceInfo ?? {};
  const retentionMs = tsToMs(found.config?.workflowExecutionRetentionTtl);
  const blobBytes = Number(limits?.blobSizeLimitError ?? 0);
  const says = `${namespace}, keeps what has ended for ${Math.round(retentionMs / 3_600_000)} h`;
  // An old server does not report capabilities at all.
  if (capabilities && !capabilities.syncUpdate) {
    return fail(
      `${says}, without updates`,
      'set frontend.enableUpdateWorkflowExecution, or use a newer server: cancel and move need them',
    );
  }
  if (blobBytes > 0 && blobBytes < SMALLEST_BLOB_BYTES) {
    return fail(`${says}, takes ${blobBytes} bytes at most`, `raise limit.blobSize.error to ${SMALLEST_BLOB_BYTES}`);
  }
  if (retentionMs > 0 && retentionMs < SHORTEST_RETENTION_MS) {
    return warn(says, 'keep it for a day at least: afterwards only the ledger tells how a message ended');
  }
  return ok(says);
}

async function checkSearchAttributes(connection: Services, namespace: string): Promise<Found> {
  const { missing, wrong } = await searchAttributesIn(connection, namespace);
  if (wrong.length > 0) {
    return fail(
      `${wrong.join(', ')}: registered with another type`,
      'no worker starts like this: remove or rename it in Temporal, or use a namespace of its own',
    );
  }
  const names = Object.keys(missing);
  if (names.length === 0) return ok('all registered');
  const create = names.map((name) => `--name ${name} --type ${TYPE_NAMES[missing[name] as number]}`).join(' ');
  return fail(
    `${names.join(', ')}: missing`,
    `start a worker, which registers them, or: temporal operator search-attribute create ${create}`,
  );
}

/**
 * Describes a task queue with a name of the longest id: the limit of ids applies to it, but not to describing a
 * workflow.
 */
async function checkWorkflowIds({ workflowService }: Services, namespace: string): Promise<Found> {
  const name = 'postdate.doctor.'.padEnd(LONGEST_ID_BYTES, 'x');
  try {
    await workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType: ACTIVITIES });
    return ok(`up to ${LONGEST_ID_BYTES} bytes`);
  } catch (error) {
    if (codeOf(error) !== INVALID_ARGUMENT) throw error;
    return fail(
      `shorter than ${LONGEST_ID_BYTES} bytes`,
      `set limit.maxIDLength to ${LONGEST_ID_BYTES} on the server, or keep topics, tenants and keys short`,
    );
  }
}

// A queue that never has a task.
const CLOCK_QUEUE = 'postdate.doctor';
// The server refuses shorter polls. The check cancels its poll once the server has seen it.
const POLL_MS = 5_000;
const LOOK_MS = 50;
const CLOCK_WARN_MS = 2_000;

/**
 * Temporal has no call for its time, but tells when a worker polled: so this polls. Exact to the duration of the call.
 */
async function checkClock(connection: Services, namespace: string): Promise<Found> {
  const { workflowService } = connection;
  const queue = { namespace, taskQueue: { name: CLOCK_QUEUE } };
  const seen = new AbortController();
  // Unique: the server also remembers the polls of earlier checks.
  const identity = `postdate doctor ${nanoid()}`;
  const sentAt = Date.now();
  const polling = connection
    .withAbortSignal(seen.signal, () => workflowService.pollActivityTaskQueue({ ...queue, identity }))
    // The poll is cancelled, as there is never a task.
    .catch(() => undefined);
  let polledAt: number | undefined;
  while (polledAt === undefined && Date.now() < sentAt + POLL_MS) {
    await pause(LOOK_MS);
    const { pollers } = await workflowService.describeTaskQueue({ ...queue, taskQueueType: ACTIVITIES });
    polledAt = optionalTsToMs(pollers?.find((poller) => poller.identity === identity)?.lastAccessTime);
  }
  const tookMs = Date.now() - sentAt;
  seen.abort();
  await polling;
  if (polledAt === undefined) throw new Error('the server did not tell when it was polled');
  const aheadMs = Math.round(polledAt - sentAt - tookMs / 2);
  const says = `${Math.abs(aheadMs)} ms ${aheadMs < 0 ? 'behind' : 'ahead of'} this machine's, give or take ${tookMs} ms`;
  const todo = 'synchronise both machines; messages wake by the clock of Temporal';
  return Math.abs(aheadMs) > CLOCK_WARN_MS + tookMs ? warn(says, todo) : ok(says);
}

const codeOf = (error: unknown): number | undefined => (error as { code?: number }).code;
