import { proxyActivities, proxyLocalActivities, sleep } from '@temporalio/workflow';

interface Activities {
  expire(id: string): Promise<void>;
  expireWhenDue(id: string, dueAt: number): Promise<void>;
}

const { expire } = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });
const { expireWhenDue } = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });
const { expire: expireLocally } = proxyLocalActivities<Activities>({ startToCloseTimeout: '1 minute' });

export async function sleepThenActivity(id: string, dueAt: number): Promise<void> {
  await sleep(untilDueMs(dueAt));
  await expire(id);
}

export async function sleepThenLocalActivity(id: string, dueAt: number): Promise<void> {
  await sleep(untilDueMs(dueAt));
  await expireLocally(id);
}

/** For shapes in which the server does the waiting. */
export async function activityNow(id: string): Promise<void> {
  await expire(id);
}

/** For the shape in which the activity's retry does the waiting. */
export async function activityInRetryDelay(id: string, dueAt: number): Promise<void> {
  await expireWhenDue(id, dueAt);
}

// A timer of nothing or less would be refused.
const untilDueMs = (dueAt: number) => Math.max(1, dueAt - Date.now());
