import type { sleepThenLocalActivity } from '../workers/workflows';
import { temporalShape } from './temporal-shape';

/** The same with a local activity, which saves the server two transitions. */
export const sleepLocalActivity = temporalShape({
  name: 'sleep-local-activity',
  title: 'Temporal: sleep, then local activity',
  postsPerSecond: 50,
  post: (client, { id, dueAt }, taskQueue) =>
    client.workflow.start<typeof sleepThenLocalActivity>('sleepThenLocalActivity', {
      workflowId: id,
      taskQueue,
      args: [id, dueAt],
    }),
});
