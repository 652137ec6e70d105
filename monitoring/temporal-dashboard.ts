import { type Dashboard, type Panel, percentile, perSecond } from './dashboard';

const OF_QUEUE = '{task_queue=~"$queue"}';
const chart = (title: string, unit: string, queries: Panel['queries']): Panel => ({
  title,
  kind: 'timeseries',
  unit,
  queries,
});
/** Two percentiles of an SDK's histogram, for each queue. */
const waits = (metric: string): Panel['queries'] => [
  [percentile(0.5, metric, OF_QUEUE, 'task_queue'), '{{task_queue}}: 50 %'],
  [percentile(0.99, metric, OF_QUEUE, 'task_queue'), '{{task_queue}}: 99 %'],
];

/** What of Temporal matters here: as its workers see it through the SDK, and as its server says itself. */
export const temporalDashboard: Dashboard = {
  uid: 'postdate-temporal',
  title: 'Temporal under Postdate',
  choice: { name: 'queue', label: 'task_queue', metric: 'temporal_num_pollers' },
  rows: [
    {
      title: 'Workers at their queues',
      panels: [
        chart('Calls that wait for tasks', 'short', [
          [`sum by (task_queue, poller_type) (temporal_num_pollers${OF_QUEUE})`, '{{task_queue}}: {{poller_type}}'],
        ]),
        chart('Slots in use', 'short', [
          [
            `sum by (task_queue, worker_type) (temporal_worker_task_slots_used${OF_QUEUE})`,
            '{{task_queue}}: {{worker_type}}',
          ],
        ]),
        chart('Slots free', 'short', [
          [
            `sum by (task_queue, worker_type) (temporal_worker_task_slots_available${OF_QUEUE})`,
            '{{task_queue}}: {{worker_type}}',
          ],
        ]),
      ],
    },
    {
      title: 'How long tasks wait, and take',
      panels: [
        chart('A workflow’s task waits', 's', waits('temporal_workflow_task_schedule_to_start_latency')),
        chart('A delivery waits', 's', waits('temporal_activity_schedule_to_start_latency')),
        chart('A workflow’s task takes', 's', waits('temporal_workflow_task_execution_latency')),
        chart('of it, replaying', 's', waits('temporal_workflow_task_replay_latency')),
      ],
    },
    {
      title: 'Messages',
      panels: [
        chart('Workflows that end, or go on', 'reqps', [
          [perSecond('temporal_workflow_completed_total', OF_QUEUE, 'task_queue'), 'completed'],
          [perSecond('temporal_workflow_failed_total', OF_QUEUE, 'task_queue'), 'failed'],
          [perSecond('temporal_workflow_continue_as_new_total', OF_QUEUE, 'task_queue'), 'next run'],
        ]),
        chart('Deliveries that failed', 'reqps', [
          [
            perSecond('temporal_activity_execution_failed_total', OF_QUEUE, 'task_queue, activity_type'),
            '{{task_queue}}: {{activity_type}}',
          ],
        ]),
        chart('Workflows in memory', 'short', [
          [`sum by (task_queue) (temporal_sticky_cache_size${OF_QUEUE})`, 'in memory'],
          [perSecond('temporal_sticky_cache_hit_total', OF_QUEUE, 'task_queue'), 'tasks of them, per second'],
        ]),
      ],
    },
    {
      title: 'Calls of workers to the server',
      panels: [
        chart('Per second', 'reqps', [[perSecond('temporal_request_total', '', 'operation'), '{{operation}}']]),
        chart('Failed', 'reqps', [
          [perSecond('temporal_request_failure_total', '', 'operation, status_code'), '{{operation}}: {{status_code}}'],
        ]),
        chart('How long, 99 %', 's', [
          [percentile(0.99, 'temporal_request_latency', '', 'operation'), '{{operation}}'],
        ]),
      ],
    },
    {
      title: 'The server itself',
      panels: [
        chart('Calls', 'reqps', [
          [perSecond('service_requests', '{service_name="frontend"}', 'operation'), '{{operation}}'],
        ]),
        chart('Errors', 'reqps', [
          [perSecond('service_error_with_type', '', 'service_name, error_type'), '{{service_name}}: {{error_type}}'],
        ]),
        chart('How long, 99 %', 's', [
          [percentile(0.99, 'service_latency', '{service_name="frontend"}', 'operation'), '{{operation}}'],
        ]),
        chart('Workflows that ended well', 'reqps', [
          [perSecond('workflow_success', '{workflowType="scheduledMessage"}', 'namespace'), '{{namespace}}'],
        ]),
      ],
    },
    {
      title: 'Its database and its timers',
      panels: [
        chart('Statements', 'reqps', [[perSecond('persistence_requests', '', 'service_name'), '{{service_name}}']]),
        chart('Statements, 99 %', 's', [
          [percentile(0.99, 'persistence_latency', '', 'service_name'), '{{service_name}}'],
        ]),
        chart('Timers and tasks are late by, 99 %', 's', [
          [percentile(0.99, 'task_latency_queue', '{service_name="history"}', 'task_type'), '{{task_type}}'],
        ]),
      ],
    },
  ],
};
