import { type Dashboard, type Panel, percentile, perSecond } from './dashboard';

const OF_TOPIC = '{topic=~"$topic"}';
const chart = (title: string, unit: string, queries: Panel['queries'], says?: string): Panel => ({
  title,
  kind: 'timeseries',
  unit,
  queries,
  says,
});
const stat = (title: string, unit: string, promql: string, red: number): Panel => ({
  title,
  kind: 'stat',
  unit,
  queries: [[promql, '']],
  red,
});
const lateness = (q: number) => percentile(q, 'postdate_lateness_seconds', OF_TOPIC);

/** What an installation promises, and what of its own could break the promise. */
export const postdateDashboard: Dashboard = {
  uid: 'postdate',
  title: 'Postdate',
  choice: { name: 'topic', label: 'topic', metric: 'postdate_held_messages' },
  rows: [
    {
      title: 'Now',
      panels: [
        stat('Lateness, 99 %', 's', percentile(0.99, 'postdate_lateness_seconds', OF_TOPIC), 1),
        stat('Held', 'short', `sum(postdate_held_messages${OF_TOPIC})`, Number.MAX_SAFE_INTEGER),
        stat(
          'Due and not held, 1 h',
          'short',
          'sum(increase(postdate_due_messages_total{topic=~"$topic", held="false"}[1h]))',
          1,
        ),
        stat(
          'Failed, 1 h',
          'short',
          'sum(increase(postdate_landed_messages_total{topic=~"$topic", outcome="failed"}[1h]))',
          1,
        ),
        stat('Rescued, 1 h', 'short', `sum(increase(postdate_rescued_messages_total${OF_TOPIC}[1h]))`, 1),
        stat('Oldest event', 's', 'max(postdate_oldest_event_seconds)', 30),
        stat('Oldest command', 's', 'max(postdate_oldest_command_seconds)', 60),
        stat('Workers', 'short', 'count(up{job="postdate-worker"} == 1)', Number.MAX_SAFE_INTEGER),
      ],
    },
    {
      title: 'Lateness: commit minus due time',
      panels: [
        chart(
          'Percentiles',
          's',
          [
            [lateness(0.5), '50 %'],
            [lateness(0.95), '95 %'],
            [lateness(0.99), '99 %'],
            [lateness(1), 'the latest'],
          ],
          'By the database’s clock; never negative',
        ),
        {
          title: 'All messages',
          kind: 'heatmap',
          unit: 'short',
          queries: [
            [`sum by (le) (increase(postdate_lateness_seconds_bucket${OF_TOPIC}[$__rate_interval]))`, '{{le}}'],
          ],
        },
      ],
    },
    {
      title: 'Held until due',
      panels: [
        chart('Held', 'short', [[`sum by (topic) (postdate_held_messages${OF_TOPIC})`, '{{topic}}']]),
        chart('Became due', 'reqps', [
          [perSecond('postdate_due_messages_total', '{topic=~"$topic", held="true"}', 'topic'), '{{topic}}: held'],
          [
            perSecond('postdate_due_messages_total', '{topic=~"$topic", held="false"}', 'topic'),
            '{{topic}}: not yet held',
          ],
        ]),
        chart('Lead that the last burst needed', 's', [
          [`max by (topic) (postdate_needed_lead_seconds${OF_TOPIC})`, '{{topic}}'],
        ]),
      ],
    },
    {
      title: 'Landings',
      panels: [
        chart('Messages per second', 'reqps', [
          [perSecond('postdate_landed_messages_total', OF_TOPIC, 'topic, outcome'), '{{topic}}: {{outcome}}'],
        ]),
        chart('Transactions: how long', 's', [
          [percentile(0.5, 'postdate_landing_duration_seconds', OF_TOPIC), '50 %'],
          [percentile(0.99, 'postdate_landing_duration_seconds', OF_TOPIC), '99 %'],
        ]),
        chart('Messages in a transaction', 'short', [
          [
            `sum by (topic) (rate(postdate_landing_group_messages_sum${OF_TOPIC}[$__rate_interval])) / sum by (topic) (rate(postdate_landing_group_messages_count${OF_TOPIC}[$__rate_interval]))`,
            '{{topic}}',
          ],
        ]),
        chart('Held by sets', 'reqps', [
          [perSecond('postdate_fetched_messages_total', OF_TOPIC, 'topic, from'), '{{topic}}: from {{from}}'],
        ]),
        chart('Waiting', 'short', [
          [`sum by (topic) (postdate_landing_backlog${OF_TOPIC})`, '{{topic}}: to be landed'],
          ['sum(postdate_release_backlog)', 'to be told to Temporal'],
          ['sum(postdate_wake_backlog)', 'landed, to be woken'],
        ]),
      ],
    },
    {
      title: 'Lanes',
      panels: [
        chart('Landed, and not landed', 'reqps', [
          [perSecond('postdate_lane_landed_messages_total', OF_TOPIC, 'topic, lane'), '{{topic}}@{{lane}}: landed'],
          [perSecond('postdate_lane_failed_messages_total', OF_TOPIC, 'topic, lane'), '{{topic}}@{{lane}}: not landed'],
        ]),
        chart('Fell back to stable', 'short', [
          [
            `sum by (topic, lane, reason) (increase(postdate_lane_fallbacks_total${OF_TOPIC}[$__rate_interval]))`,
            '{{topic}}@{{lane}}: {{reason}}',
          ],
        ]),
        chart('Stopped by the lane guard; malformed rules', 'short', [
          [
            `sum by (topic, lane) (increase(postdate_lanes_stopped_total${OF_TOPIC}[$__rate_interval]))`,
            '{{topic}}@{{lane}}: stopped',
          ],
          [`max by (topic) (postdate_malformed_lane_rules${OF_TOPIC})`, '{{topic}}: malformed rules'],
        ]),
      ],
    },
    {
      title: 'What should not be',
      panels: [
        chart('Not landed, and tried again', 'reqps', [
          [perSecond('postdate_landing_errors_total', OF_TOPIC, 'topic'), '{{topic}}'],
        ]),
        chart('Rescued, missing, taken over', 'short', [
          [
            `sum by (topic, reason) (increase(postdate_rescued_messages_total${OF_TOPIC}[$__rate_interval]))`,
            '{{topic}}: rescued, {{reason}}',
          ],
          [
            `sum by (topic) (increase(postdate_missing_messages_total${OF_TOPIC}[$__rate_interval]))`,
            '{{topic}}: missing',
          ],
          ['sum(increase(postdate_taken_over_messages_total[$__rate_interval]))', 'taken over'],
        ]),
        chart('Errors of parts', 'reqps', [[perSecond('postdate_errors_total', '', 'part'), '{{part}}']]),
        chart('Left behind by code, and failed', 'reqps', [
          [perSecond('postdate_unhandled_errors_total', '', 'part'), '{{part}}'],
        ]),
        chart('Runs that cannot be read', 'short', [
          ['sum(increase(postdate_unreadable_runs_total[$__rate_interval]))', 'unreadable'],
        ]),
      ],
    },
    {
      title: 'Outbox and stream',
      panels: [
        chart('Oldest event without its place', 's', [['max(postdate_oldest_event_seconds)', 'outbox']]),
        chart('Consumers: events behind', 'short', [
          ['max by (consumer) (postdate_consumer_lag_events)', '{{consumer}}'],
        ]),
        chart('Consumers: how long behind', 's', [
          ['max by (consumer) (postdate_consumer_lag_seconds)', '{{consumer}}'],
        ]),
        chart('Consumers: how long stopped at an event', 's', [
          ['max by (consumer) (postdate_consumer_stopped_seconds)', '{{consumer}}'],
        ]),
        chart('Consumers: events set aside', 'short', [
          ['max by (consumer) (postdate_set_aside_events)', '{{consumer}}'],
        ]),
      ],
    },
    {
      title: 'Brokers, webhooks, consumers that answer',
      panels: [
        chart('Published', 'reqps', [[perSecond('postdate_published_events_total', '', 'publisher'), '{{publisher}}']]),
        chart('Brokers: events behind', 'short', [['max by (publisher) (postdate_publish_backlog)', '{{publisher}}']]),
        chart('Brokers: how long behind', 's', [
          ['max by (publisher) (postdate_publish_backlog_age_seconds)', '{{publisher}}'],
        ]),
        chart('Webhooks: tries', 'reqps', [[perSecond('postdate_webhook_tries_total', '', 'result'), '{{result}}']]),
        chart('Webhooks: waiting, given up', 'short', [
          ['max(postdate_webhook_waiting_deliveries)', 'waiting'],
          ['sum(increase(postdate_webhook_given_up_total[$__rate_interval]))', 'given up'],
        ]),
        chart('Webhooks: oldest delivery', 's', [['max(postdate_oldest_webhook_delivery_seconds)', 'waiting']]),
        chart('Forwarded, and not answered in time', 'short', [
          [`max by (topic) (postdate_unanswered_messages${OF_TOPIC})`, '{{topic}}'],
        ]),
      ],
    },
    {
      title: 'Producers',
      panels: [
        chart('Oldest command', 's', [['max(postdate_oldest_command_seconds)', 'waiting']]),
        chart('Commands', 'reqps', [
          [perSecond('postdate_dispatched_commands_total', OF_TOPIC, 'topic, result'), '{{topic}}: {{result}}'],
        ]),
        chart('HTTP answers', 'reqps', [[perSecond('postdate_http_answers_total', '', 'status'), '{{status}}']]),
        chart('HTTP answers, 99 %', 's', [
          [percentile(0.99, 'postdate_http_answer_seconds', '', 'route'), '{{route}}'],
        ]),
      ],
    },
    {
      title: 'Processes',
      panels: [
        chart('Up', 'short', [['sum by (job) (up)', '{{job}}']]),
        chart('Database connections', 'short', [['sum by (state) (postdate_database_connections)', '{{state}}']]),
        chart('Since the last sealed day ended', 's', [['max(postdate_unsealed_seconds)', 'ledger']]),
      ],
    },
  ],
};
