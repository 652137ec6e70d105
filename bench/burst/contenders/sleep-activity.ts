import type { sleepThenActivity } from '../workers/workflows';
import { temporalShape } from './temporal-shape';

/** The official samples' shape: a workflow sleeps until it is due, then a regular activity does the work. */
export const sleepActivity = temporalShape({
  name: 'sleep-activity',
  title: 'Temporal: sleep, then activity',
  postsPerSecond: 50,
  post: (client, { id, dueAt }, taskQueue) =>
    client.workflow.start<typeof sleepThenActivity>('sleepThenActivity', {
      workflowId: id,
      taskQueue,
      args: [id, dueAt],
    }),
});
