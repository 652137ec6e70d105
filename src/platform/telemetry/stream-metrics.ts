import { both, type Instruments } from './instruments';

/**
 * A publisher's backlog: how many events it has still to publish, and for how many ms the first of them has been in the
 * stream.
 */
export interface Backlog {
  events: number;
  ageMs: number;
}

/** Metrics of events after their commit: relay, consumers, answers to forwarded messages, brokers, webhooks. */
export function createStreamMetrics({ number, seconds, count }: Instruments) {
  return {
    /** For how long the oldest event without a position in the stream has waited; 0 if there is none. */
    oldestEvent: seconds(
      'postdate_oldest_event_seconds',
      'How long the oldest event has waited for its relay',
      (gauge) => (ms: number) => gauge.set(ms / 1000),
    ),
    /** How many events a consumer has still to read, and for how long the first of them has been in the stream. */
    consumerLag: both(
      number('postdate_consumer_lag_events', 'events', 'Events that a consumer has still to read', (gauge) => {
        return (consumer: string, events: number, _ms: number) => gauge.set(events, { consumer });
      }),
      seconds('postdate_consumer_lag_seconds', 'How long a consumer has not read its next event', (gauge) => {
        return (consumer: string, _events: number, ms: number) => gauge.set(ms / 1000, { consumer });
      }),
    ),
    /** For how long a consumer has failed at an event that it does not go past; 0 if it does not. */
    consumerStopped: seconds(
      'postdate_consumer_stopped_seconds',
      'How long a consumer has failed at one event',
      (gauge) => {
        return (consumer: string, ms: number) => gauge.set(ms / 1000, { consumer });
      },
    ),
    /** How many events are set aside for a consumer, as it refuses them or an earlier one of their message. */
    setAside: number('postdate_set_aside_events', 'events', 'Events that a consumer or broker refuses', (gauge) => {
      return (consumer: string, events: number) => gauge.set(events, { consumer });
    }),
    /** How many forwarded messages have no answer in time. */
    unanswered: number('postdate_unanswered_messages', 'messages', 'Forwarded, and not answered in time', (gauge) => {
      return (topic: string, messages: number) => gauge.set(messages, { topic });
    }),
    /** A broker has acknowledged so many events. */
    published: count('postdate_published_events', 'events', 'Events that a broker has acknowledged', (counter) => {
      return (publisher: string, events: number) => counter.add(events, { publisher });
    }),
    /** What a broker has still to be given. */
    backlog: both(
      number('postdate_publish_backlog', 'events', 'Events still to be published', (gauge) => {
        return (publisher: string, { events }: Backlog) => gauge.set(events, { publisher });
      }),
      seconds('postdate_publish_backlog_age_seconds', 'How long the first of them has waited', (gauge) => {
        return (publisher: string, { ageMs }: Backlog) => gauge.set(ageMs / 1000, { publisher });
      }),
    ),
    /** An event was sent to a webhook, with this result. */
    webhookTried: count('postdate_webhook_tries', 'tries', 'Events sent to webhooks, by result', (counter) => {
      return (result: string) => counter.add(1, { result });
    }),
    /** A delivery to a webhook was given up. */
    webhookGivenUp: count('postdate_webhook_given_up', 'deliveries', 'After days of failed tries', (counter) => {
      counter.add(0);
      return () => counter.add(1);
    }),
    /** How many deliveries wait for webhooks, and for how long the oldest has waited. */
    webhooksWaiting: both(
      number('postdate_webhook_waiting_deliveries', 'deliveries', 'Waiting for enabled webhooks', (gauge) => {
        return (deliveries: number, _oldestMs: number) => gauge.set(deliveries);
      }),
      seconds('postdate_oldest_webhook_delivery_seconds', 'How long the oldest of them has waited', (gauge) => {
        return (_deliveries: number, oldestMs: number) => gauge.set(oldestMs / 1000);
      }),
    ),
  };
}
