import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time';
import { withinDeadline } from '../producing/deadline';

// temporal.api.enums.v1.TaskQueueType
const TASK_QUEUE_TYPES = { workflows: 1, deliveries: 2 };
// A poll without a task lasts a minute. A worker that has not polled for longer is gone.
const POLLED_WITHIN_MS = 75_000;

/**
 * The workers that poll a task queue, the versions that get its tasks, and how long ago it was last polled in ms. A worker
 * that was just killed still counts for a minute.
 */
export async function readPollers(client: Client, name: string, type: keyof typeof TASK_QUEUE_TYPES) {
  const { namespace } = client.options;
  const queue = { namespace, taskQueue: { name }, taskQueueType: TASK_QUEUE_TYPES[type] };
  const described = await withinDeadline(client, () => client.workflowService.describeTaskQueue(queue));
  const pollers = described.pollers ?? [];
  const heardMsOf = ({ lastAccessTime }: (typeof pollers)[number]) =>
    Date.now() - (optionalTsToMs(lastAccessTime) ?? 0);
  const [lastPolledMs] = pollers.map(heardMsOf).sort((one, two) => one - two);
  return {
    polling: pollers.filter((poller) => heardMsOf(poller) < POLLED_WITHIN_MS),
    routing: described.versioningInfo,
    lastPolledMs,
  };
}
