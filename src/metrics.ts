import type { MetricMeter } from '@temporalio/common';

/** What operators see of the hold and the landing. `topic` is a label of each. */
export interface Metrics {
  /** How many messages are held now. */
  held(topic: string, messages: number): void;
  /** A message became due: was it held by then, or did it wake too late? */
  due(topic: string, held: boolean): void;
  /** How much lead the last burst would have needed for every message to be held when it was due. */
  neededLead(topic: string, ms: number): void;
  /** Commit minus due time, by the database's clock. */
  late(topic: string, ms: number): void;
  /** A landing's transaction: how many messages, how long. */
  landed(topic: string, messages: number, ms: number): void;
  /** How many due messages wait for their landing, for example for their pace. */
  queued(topic: string, messages: number): void;
  /** How many results wait to be told to Temporal. */
  releasing(messages: number): void;
  /** Messages taken over from a worker that died. */
  takenOver(messages: number): void;
  /** Messages that were due in a moment and held by nobody. */
  missing(topic: string, messages: number): void;
  /** Overdue messages that nothing but the sweep has landed, or woken. */
  rescued(topic: string, reason: RescueReason, messages: number): void;
  /** A producer's command was taken to Temporal, with this result. */
  dispatched(topic: string, result: string): void;
  /** For how long the oldest command that waits to be dispatched has waited; 0 when there is none. */
  oldestCommand(ms: number): void;
  /** An event was sent to a webhook, with this result. */
  webhookTried(result: string): void;
  /** A delivery to a webhook was given up. */
  webhookGivenUp(): void;
  /** How many deliveries wait for webhooks, and for how long the oldest has. */
  webhooksWaiting(deliveries: number, oldestMs: number): void;
}

/** Held by a worker that is gone; in its row and nowhere else; or its timer is lost. */
export type RescueReason = 'workerDied' | 'notDelivered' | 'notWoken';

/** Bounds of the histograms, for the exporter: without them it puts everything above 30 s in one bucket. */
export const HISTOGRAM_BUCKETS = {
  postdate_lateness_seconds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600],
  postdate_landing_duration_seconds: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
  postdate_landing_group_messages: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
};

export function createMetrics(meter: MetricMeter): Metrics {
  const held = meter.createGauge('postdate_held_messages', 'int', 'messages', 'Messages held until due');
  const due = meter.createCounter('postdate_due_messages', 'messages', 'Messages that became due, held or not yet');
  const neededLead = meter.createGauge(
    'postdate_needed_lead_seconds',
    'float',
    'seconds',
    'The lead with which all of the last burst would have been held when due',
  );
  const lateness = meter.createHistogram('postdate_lateness_seconds', 'float', 'seconds', 'Commit minus due time');
  const group = meter.createHistogram('postdate_landing_group_messages', 'int', 'messages', 'Messages per landing');
  const duration = meter.createHistogram(
    'postdate_landing_duration_seconds',
    'float',
    'seconds',
    'A landing, begin to commit',
  );
  const queued = meter.createGauge(
    'postdate_landing_backlog',
    'int',
    'messages',
    'Due messages that wait to be landed',
  );
  const releasing = meter.createGauge(
    'postdate_release_backlog',
    'int',
    'messages',
    'Results not yet told to Temporal',
  );
  const takenOver = meter.createCounter('postdate_taken_over_messages', 'messages', 'Taken over from dead workers');
  const missing = meter.createCounter(
    'postdate_missing_messages',
    'messages',
    'Found by the roll call: due in a moment, held by nobody',
  );
  const rescued = meter.createCounter('postdate_rescued_messages', 'messages', 'Overdue, and found by the sweep');
  const dispatched = meter.createCounter('postdate_dispatched_commands', 'commands', 'Taken to Temporal, by result');
  const oldestCommand = meter.createGauge(
    'postdate_oldest_command_seconds',
    'float',
    'seconds',
    'For how long the oldest command has waited to be dispatched',
  );
  const webhookTries = meter.createCounter('postdate_webhook_tries', 'tries', 'Events sent to webhooks, by result');
  const webhookGivenUp = meter.createCounter('postdate_webhook_given_up', 'deliveries', 'After days of failed tries');
  const webhooksWaiting = meter.createGauge(
    'postdate_webhook_waiting_deliveries',
    'int',
    'deliveries',
    'Events that wait to be sent to an enabled webhook',
  );
  const oldestWebhookDelivery = meter.createGauge(
    'postdate_oldest_webhook_delivery_seconds',
    'float',
    'seconds',
    'For how long the oldest of them has waited',
  );
  return {
    held: (topic, messages) => held.set(messages, { topic }),
    due: (topic, isHeld) => due.add(1, { topic, held: String(isHeld) }),
    neededLead: (topic, ms) => neededLead.set(ms / 1000, { topic }),
    late: (topic, ms) => lateness.record(ms / 1000, { topic }),
    landed(topic, messages, ms) {
      group.record(messages, { topic });
      duration.record(ms / 1000, { topic });
    },
    queued: (topic, messages) => queued.set(messages, { topic }),
    releasing: (messages) => releasing.set(messages),
    takenOver: (messages) => takenOver.add(messages),
    missing: (topic, messages) => missing.add(messages, { topic }),
    rescued: (topic, reason, messages) => rescued.add(messages, { topic, reason }),
    dispatched: (topic, result) => dispatched.add(1, { topic, result }),
    oldestCommand: (ms) => oldestCommand.set(ms / 1000),
    webhookTried: (result) => webhookTries.add(1, { result }),
    webhookGivenUp: () => webhookGivenUp.add(1),
    webhooksWaiting(deliveries, oldestMs) {
      webhooksWaiting.set(deliveries);
      oldestWebhookDelivery.set(oldestMs / 1000);
    },
  };
}
