import { proxyActivities, sleep } from '@temporalio/workflow';

const { expire } = proxyActivities<{ expire(id: string): Promise<void> }>({ startToCloseTimeout: '1 minute' });

/** The shape of Temporal's own timer samples: sleep until it is due, then an activity. */
export async function sleepThenExpire(id: string, dueAt: number): Promise<void> {
  // A timer of nothing or less would be refused.
  await sleep(Math.max(1, dueAt - Date.now()));
  await expire(id);
}
