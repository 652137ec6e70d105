import { LANDED_OUTCOMES, type Outcome } from '../../message/decision';
import { both, type Instruments } from './instruments';

/**
 * Why the sweep had to act. `workerDied`: a dead worker held the message. `notDelivered`: only its business row knew of
 * it. `notHeld`: it waits in Temporal, and no worker held it. `notWoken`: its timer was lost. `wronglyEnded`: its run had ended,
 * and the ledger does not say so.
 */
const RESCUE_REASONS = ['workerDied', 'notDelivered', 'notHeld', 'notWoken', 'wronglyEnded'] as const;
export type RescueReason = (typeof RESCUE_REASONS)[number];

/** Metrics of due messages, of these topics: in the hold, in landings, and found by the sweep. */
export function createLandingMetrics({ number, seconds, count, spread }: Instruments, topics: string[]) {
  return {
    /** How many messages are held now. */
    held: number('postdate_held_messages', 'messages', 'Messages held until due', (gauge) => {
      return (topic: string, messages: number) => gauge.set(messages, { topic });
    }),
    /** A message became due. Was it held by then, or did it wake too late? */
    due: count('postdate_due_messages', 'messages', 'Messages that became due, held or not yet', (counter) => {
      const add = (due: number, topic: string, held: boolean) => counter.add(due, { topic, held: String(held) });
      for (const topic of topics) for (const held of [true, false]) add(0, topic, held);
      return (topic: string, held: boolean) => add(1, topic, held);
    }),
    /** How much lead the last burst would have needed, so that every message was held when it was due. */
    neededLead: seconds('postdate_needed_lead_seconds', 'The lead that the last burst would have needed', (gauge) => {
      return (topic: string, ms: number) => gauge.set(ms / 1000, { topic });
    }),
    /** Commit minus due time, by the database's clock. */
    late: spread('postdate_lateness_seconds', 'seconds', 'Commit minus due time', (histogram) => {
      return (topic: string, ms: number) => histogram.record(ms / 1000, { topic });
    }),
    /** A landing's transaction: how many messages, how long. */
    landed: both(
      spread('postdate_landing_group_messages', 'messages', 'Messages per landing', (histogram) => {
        return (topic: string, messages: number, _ms: number) => histogram.record(messages, { topic });
      }),
      spread('postdate_landing_duration_seconds', 'seconds', 'A landing, begin to commit', (histogram) => {
        return (topic: string, _messages: number, ms: number) => histogram.record(ms / 1000, { topic });
      }),
    ),
    /** A landing has decided a message. */
    decided: count(
      'postdate_landed_messages',
      'messages',
      'Messages that a landing has decided, by outcome',
      (counter) => {
        for (const topic of topics) for (const outcome of LANDED_OUTCOMES) counter.add(0, { topic, outcome });
        return (topic: string, outcome: Outcome) => counter.add(1, { topic, outcome });
      },
    ),
    /** A message could not be landed, and is tried again. */
    landingFailed: count(
      'postdate_landing_errors',
      'messages',
      'Messages that could not be landed, and are tried again',
      (counter) => {
        for (const topic of topics) counter.add(0, { topic });
        return (topic: string) => counter.add(1, { topic });
      },
    ),
    /** How many due messages wait for their landing, for example for the rate limit. */
    queued: number('postdate_landing_backlog', 'messages', 'Due messages that wait to be landed', (gauge) => {
      return (topic: string, messages: number) => gauge.set(messages, { topic });
    }),
    /** How many results wait to be reported to Temporal. */
    releasing: number('postdate_release_backlog', 'messages', 'Results not yet told to Temporal', (gauge) => {
      return (messages: number) => gauge.set(messages);
    }),
    /** How many runs of messages that have landed are still to be woken. */
    toWake: number('postdate_wake_backlog', 'runs', 'Runs of landed messages that still sleep', (gauge) => {
      return (runs: number) => gauge.set(runs);
    }),
    /** Messages taken over from a worker that died. */
    takenOver: count('postdate_taken_over_messages', 'messages', 'Taken over from dead workers', (counter) => {
      counter.add(0);
      return (messages: number) => counter.add(messages);
    }),
    /** Messages that were due in a moment and that no worker held. */
    missing: count('postdate_missing_messages', 'messages', 'Due in a moment, and held by nobody', (counter) => {
      for (const topic of topics) counter.add(0, { topic });
      return (topic: string, messages: number) => counter.add(messages, { topic });
    }),
    /** Messages that were fetched by sets, from business rows or from Temporal's list, as wakes could not bring them in time. */
    fetched: count(
      'postdate_fetched_messages',
      'messages',
      'Held by sets, without waking their workflows',
      (counter) => {
        for (const topic of topics) for (const from of ['rows', 'list']) counter.add(0, { topic, from });
        return (topic: string, from: 'rows' | 'list', messages: number) => counter.add(messages, { topic, from });
      },
    ),
    /** Overdue messages that only the sweep has landed, or woken. */
    rescued: count('postdate_rescued_messages', 'messages', 'Overdue, and found by the sweep', (counter) => {
      for (const topic of topics) for (const reason of RESCUE_REASONS) counter.add(0, { topic, reason });
      return (topic: string, reason: RescueReason, messages: number) => counter.add(messages, { topic, reason });
    }),
  };
}
