import { NAMESPACE } from '../harness/namespace';
import { scrape, total } from '../harness/server-metrics';

const OURS = `namespace="${NAMESPACE}"`;

/** What the server itself has counted, by its metrics. */
const COUNTERS = {
  // A histogram of how far each workflow has got, observed at each of its transitions: its count is theirs.
  stateTransitions: [['state_transition_count_count', OURS]],
  workflowTasks: [['service_requests', OURS, 'operation="RespondWorkflowTaskCompleted"', 'service_name="history"']],
  activities: [['service_requests', OURS, 'operation="RespondActivityTaskCompleted"', 'service_name="history"']],
  // Of the sticky queue, whose worker did not fetch a task within ten seconds, and of workers that did not answer.
  workflowTaskTimeouts: [
    ['schedule_to_start_timeout', OURS, 'operation="TimerActiveTaskWorkflowTaskTimeout"'],
    ['start_to_close_timeout', OURS, 'operation="TimerActiveTaskWorkflowTaskTimeout"'],
  ],
  activityTimeouts: [['activity_task_timeout', OURS]],
} satisfies Record<string, [string, ...string[]][]>;

export type PerMessage = Record<keyof typeof COUNTERS, number>;

/** Promises the server's counts until now. */
export async function readWork(metricsUrl: string): Promise<PerMessage> {
  const metrics = await scrape(metricsUrl);
  const names = Object.keys(COUNTERS) as (keyof typeof COUNTERS)[];
  return Object.fromEntries(
    names.map((name) => [
      name,
      COUNTERS[name].reduce((sum, [counter, ...labels]) => sum + total(metrics, counter, ...labels), 0),
    ]),
  ) as PerMessage;
}

/** How much of it there was for each message. */
export function workPerMessage(before: PerMessage, after: PerMessage, messages: number): PerMessage {
  const names = Object.keys(COUNTERS) as (keyof typeof COUNTERS)[];
  const each = (name: keyof typeof COUNTERS) => Math.round(((after[name] - before[name]) / messages) * 100) / 100;
  return Object.fromEntries(names.map((name) => [name, each(name)])) as PerMessage;
}
