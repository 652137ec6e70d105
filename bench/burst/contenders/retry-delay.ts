import type { activityInRetryDelay } from '../workers/workflows';
import { temporalShape } from './temporal-shape';

/** The workflow is one activity that fails at once, with the whole sleep as the delay of its retry: a retry writes no history. */
export const retryDelay = temporalShape({
  name: 'retry-delay',
  title: 'Temporal: asleep in an activity’s retry delay',
  postsPerSecond: 50,
  post: (client, { id, dueAt }, taskQueue) =>
    client.workflow.start<typeof activityInRetryDelay>('activityInRetryDelay', {
      workflowId: id,
      taskQueue,
      args: [id, dueAt],
    }),
});
