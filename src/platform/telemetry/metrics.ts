import type { MetricMeter } from '@temporalio/common';
import { LANDED_OUTCOMES, type Outcome } from '../../message/decision';
import { createLaneMetrics, type LaneMetrics } from './lane-metrics';

/**
 * What operators see of hold, landing, lanes and streams. docs/metrics.md has a line for each, with its labels. Metrics
 * of messages have the label `topic`, those of brokers `publisher`.
 */
export interface Metrics extends LaneMetrics {
  /** How many messages are held now. */
  held(topic: string, messages: number): void;
  /** A message became due. Was it held by then, or did it wake too late? */
  due(topic: string, held: boolean): void;
  /** How much lead the last burst would have needed, so that every message was held when it was due. */
  neededLead(topic: string, ms: number): void;
  /** Commit minus due time, by the database's clock. */
  late(topic: string, ms: number): void;
  /** A landing's transaction: how many messages, how long. */
  landed(topic: string, messages: number, ms: number): void;
  /** A landing has decided a message. */
  decided(topic: string, outcome: Outcome): void;
  /** A message could not be landed, and is tried again. */
  landingFailed(topic: string): void;
  /** How many due messages wait for their landing, for example for the rate limit. */
  queued(topic: string, messages: number): void;
  /** How many results wait to be reported to Temporal. */
  releasing(messages: number): void;
  /** Messages taken over from a worker that died. */
  takenOver(messages: number): void;
  /** Messages that were due in a moment and that no worker held. */
  missing(topic: string, messages: number): void;
  /** Overdue messages that only the sweep has landed, or woken. */
  rescued(topic: string, reason: RescueReason, messages: number): void;
  /** A producer's command was taken to Temporal, with this result. */
  dispatched(topic: string, result: string): void;
  /** For how long the oldest command has waited for its dispatch; 0 if there is none. */
  oldestCommand(ms: number): void;
  /** How many forwarded messages have no answer in time. */
  unanswered(topic: string, messages: number): void;
  /** For how long the oldest event without a position in the stream has waited; 0 if there is none. */
  oldestEvent(ms: number): void;
  /** How many events a consumer has still to read, and for how long the first of them has been in the stream. */
  consumerLag(consumer: string, events: number, ms: number): void;
  /** How long ago the last sealed day of the ledger ended; 0 before the first. */
  unsealed(ms: number): void;
  /** The pool's connections in this state; `waiting`: requests that wait for one. */
  connections(state: 'used' | 'idle' | 'waiting', connections: number): void;
  /** A part that retries without end has failed once. */
  failed(part: string): void;
  /** A broker has acknowledged so many events. */
  published(publisher: string, events: number): void;
  /** What a broker has still to be given. */
  backlog(publisher: string, backlog: Backlog): void;
  /** An event was sent to a webhook, with this result. */
  webhookTried(result: string): void;
  /** A delivery to a webhook was given up. */
  webhookGivenUp(): void;
  /** How many deliveries wait for webhooks, and for how long the oldest has waited. */
  webhooksWaiting(deliveries: number, oldestMs: number): void;
}

/**
 * A publisher's backlog: how many events it has still to publish, and for how many ms the first of them has been in the
 * stream.
 */
export interface Backlog {
  events: number;
  ageMs: number;
}

/**
 * Why the sweep had to act. `workerDied`: a dead worker held the message. `notDelivered`: only its business row knew of
 * it. `notWoken`: its timer was lost.
 */
export const RESCUE_REASONS = ['workerDied', 'notDelivered', 'notWoken'] as const;
export type RescueReason = (typeof RESCUE_REASONS)[number];

/** The buckets of the histograms. Without them the exporter puts everything above 30 s in one bucket. */
export const HISTOGRAM_BUCKETS = {
  postdate_lateness_seconds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600],
  postdate_landing_duration_seconds: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
  postdate_landing_group_messages: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
  postdate_http_answer_seconds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
};

/**
 * The metrics of a worker of these topics. Counters that should stay at 0 begin there: `increase()` misses a first 1.
 */
export function createMetrics(meter: MetricMeter, topics: string[] = []): Metrics {
  const number = (name: string, unit: string, says: string) => meter.createGauge(name, 'int', unit, says);
  const seconds = (name: string, says: string) => meter.createGauge(name, 'float', 'seconds', says);
  const count = (name: string, unit: string, says: string) => meter.createCounter(name, unit, says);
  const spread = (name: string, type: 'int' | 'float', unit: string, says: string) =>
    meter.createHistogram(name, type, unit, says);

  const held = number('postdate_held_messages', 'messages', 'Messages held until due');
  const due = count('postdate_due_messages', 'messages', 'Messages that became due, held or not yet');
  const neededLead = seconds('postdate_needed_lead_seconds', 'The lead that the last burst would have needed');
  const lateness = spread('postdate_lateness_seconds', 'float', 'seconds', 'Commit minus due time');
  const group = spread('postdate_landing_group_messages', 'int', 'messages', 'Messages per landing');
  const duration = spread('postdate_landing_duration_seconds', 'float', 'seconds', 'A landing, begin to commit');
  const decided = count('postdate_landed_messages', 'messages', 'Messages that a landing has decided, by outcome');
  const errors = count('postdate_landing_errors', 'messages', 'Messages that could not be landed, and are tried again');
  const queued = number('postdate_landing_backlog', 'messages', 'Due messages that wait to be landed');
  const releasing = number('postdate_release_backlog', 'messages', 'Results not yet told to Temporal');
  const takenOver = count('postdate_taken_over_messages', 'messages', 'Taken over from dead workers');
  const missing = count('postdate_missing_messages', 'messages', 'Due in a moment, and held by nobody');
  const rescued = count('postdate_rescued_messages', 'messages', 'Overdue, and found by the sweep');
  const dispatched = count('postdate_dispatched_commands', 'commands', 'Taken to Temporal, by result');
  const oldestCommand = seconds('postdate_oldest_command_seconds', 'How long the oldest command has waited');
  const oldestEvent = seconds('postdate_oldest_event_seconds', 'How long the oldest event has waited for its relay');
  const lagEvents = number('postdate_consumer_lag_events', 'events', 'Events that a consumer has still to read');
  const lagSeconds = seconds('postdate_consumer_lag_seconds', 'How long a consumer has not read its next event');
  const unsealed = seconds('postdate_unsealed_seconds', 'How long ago the last sealed day of the ledger ended');
  const connections = number('postdate_database_connections', 'connections', 'Connections of the pool, by state');
  const failed = count('postdate_errors', 'errors', 'What went wrong and is tried again, by part');
  const unanswered = number('postdate_unanswered_messages', 'messages', 'Forwarded, and not answered in time');
  const published = count('postdate_published_events', 'events', 'Events that a broker has acknowledged');
  const backlog = number('postdate_publish_backlog', 'events', 'Events still to be published');
  const backlogAge = seconds('postdate_publish_backlog_age_seconds', 'How long the first of them has waited');
  const webhookTries = count('postdate_webhook_tries', 'tries', 'Events sent to webhooks, by result');
  const webhookGivenUp = count('postdate_webhook_given_up', 'deliveries', 'After days of failed tries');
  const webhooksWaiting = number('postdate_webhook_waiting_deliveries', 'deliveries', 'Waiting for enabled webhooks');
  const oldestWebhook = seconds('postdate_oldest_webhook_delivery_seconds', 'How long the oldest of them has waited');

  takenOver.add(0);
  webhookGivenUp.add(0);
  for (const topic of topics) {
    for (const isHeld of ['true', 'false']) due.add(0, { topic, held: isHeld });
    for (const outcome of LANDED_OUTCOMES) decided.add(0, { topic, outcome });
    for (const reason of RESCUE_REASONS) rescued.add(0, { topic, reason });
    errors.add(0, { topic });
    missing.add(0, { topic });
    dispatched.add(0, { topic, result: 'refused' });
  }

  return {
    ...createLaneMetrics(meter),
    held: (topic, messages) => held.set(messages, { topic }),
    due: (topic, isHeld) => due.add(1, { topic, held: String(isHeld) }),
    neededLead: (topic, ms) => neededLead.set(ms / 1000, { topic }),
    late: (topic, ms) => lateness.record(ms / 1000, { topic }),
    landed(topic, messages, ms) {
      group.record(messages, { topic });
      duration.record(ms / 1000, { topic });
    },
    decided: (topic, outcome) => decided.add(1, { topic, outcome }),
    landingFailed: (topic) => errors.add(1, { topic }),
    queued: (topic, messages) => queued.set(messages, { topic }),
    releasing: (messages) => releasing.set(messages),
    takenOver: (messages) => takenOver.add(messages),
    missing: (topic, messages) => missing.add(messages, { topic }),
    rescued: (topic, reason, messages) => rescued.add(messages, { topic, reason }),
    dispatched: (topic, result) => dispatched.add(1, { topic, result }),
    oldestCommand: (ms) => oldestCommand.set(ms / 1000),
    unanswered: (topic, messages) => unanswered.set(messages, { topic }),
    oldestEvent: (ms) => oldestEvent.set(ms / 1000),
    consumerLag(consumer, events, ms) {
      lagEvents.set(events, { consumer });
      lagSeconds.set(ms / 1000, { consumer });
    },
    unsealed: (ms) => unsealed.set(ms / 1000),
    connections: (state, number) => connections.set(number, { state }),
    failed: (part) => failed.add(1, { part }),
    published: (publisher, events) => published.add(events, { publisher }),
    backlog(publisher, { events, ageMs }) {
      backlog.set(events, { publisher });
      backlogAge.set(ageMs / 1000, { publisher });
    },
    webhookTried: (result) => webhookTries.add(1, { result }),
    webhookGivenUp: () => webhookGivenUp.add(1),
    webhooksWaiting(deliveries, oldestMs) {
      webhooksWaiting.set(deliveries);
      oldestWebhook.set(oldestMs / 1000);
    },
  };
}
