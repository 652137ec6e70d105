import type { activityNow } from '../workers/workflows';
import { temporalShape } from './temporal-shape';

/** The server holds the workflow's first task back until it is due; the workflow is one activity. */
export const startDelay = temporalShape({
  name: 'start-delay',
  title: 'Temporal: startDelay, then activity',
  postsPerSecond: 50,
  post: (client, { id, dueAt }, taskQueue) =>
    client.workflow.start<typeof activityNow>('activityNow', {
      workflowId: id,
      taskQueue,
      args: [id],
      // The delay counts from the server's clock at arrival, so the message comes to be due by no more than it takes.
      startDelay: dueAt - Date.now(),
    }),
});
