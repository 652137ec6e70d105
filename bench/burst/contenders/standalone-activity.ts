import { temporalShape } from './temporal-shape';

/** No workflow at all: an activity that the server holds back until it is due. */
export const standaloneActivity = temporalShape({
  name: 'standalone-activity',
  title: 'Temporal: standalone activity, start delay',
  postsPerSecond: 50,
  post: (client, { id, dueAt }, taskQueue) =>
    client.activity.start('expire', {
      id,
      taskQueue,
      args: [id],
      startToCloseTimeout: '1 minute',
      startDelay: dueAt - Date.now(),
    }),
  left: async (client, query) => (await client.activity.count(query)).count,
});
