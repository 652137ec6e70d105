import type { MetricMeter } from '@temporalio/common';
import { CODE_PARTS } from './foreign-code';
import { createInstruments, type Instruments } from './instruments';
import { createLandingMetrics } from './landing-metrics';
import { createLaneMetrics } from './lane-metrics';
import { createStreamMetrics } from './stream-metrics';

/**
 * What operators see of a worker. docs/metrics.md has a line for each, with its labels. Metrics of messages have the
 * label `topic`, those of brokers `publisher`.
 */
export type Metrics = ReturnType<typeof createMetrics>;

/**
 * The metrics of a worker of these topics. Counters that should stay at 0 begin there: `increase()` misses a first 1.
 */
export function createMetrics(meter: MetricMeter, topics: string[] = []) {
  const instruments = createInstruments(meter);
  return {
    ...createProcessMetrics(instruments, topics),
    ...createLandingMetrics(instruments, topics),
    ...createLaneMetrics(instruments),
    ...createStreamMetrics(instruments),
  };
}

/** Counts what code has left behind and no code waited for: a rejected promise, or a timer that throws. */
export const countUnhandled = (count: Instruments['count']) =>
  count('postdate_unhandled_errors', 'errors', 'Promises and timers left behind that failed, by part', (counter) => {
    for (const part of CODE_PARTS) counter.add(0, { part });
    return (part: (typeof CODE_PARTS)[number]) => counter.add(1, { part });
  });

/** Metrics of commands, of the ledger's seals, and of the process itself. */
function createProcessMetrics({ number, seconds, count }: Instruments, topics: string[]) {
  return {
    /** A producer's command was taken to Temporal, with this result. */
    dispatched: count('postdate_dispatched_commands', 'commands', 'Taken to Temporal, by result', (counter) => {
      for (const topic of topics) counter.add(0, { topic, result: 'refused' });
      return (topic: string, result: string) => counter.add(1, { topic, result });
    }),
    /** A run in Temporal of which something cannot be read; each once an hour. */
    unreadable: count('postdate_unreadable_runs', 'runs', 'Runs of which something cannot be read', (counter) => {
      counter.add(0);
      return () => counter.add(1);
    }),
    /** For how long the oldest command has waited for its dispatch; 0 if there is none. */
    oldestCommand: seconds('postdate_oldest_command_seconds', 'How long the oldest command has waited', (gauge) => {
      return (ms: number) => gauge.set(ms / 1000);
    }),
    /** How long ago the last sealed day of the ledger ended; 0 before the first. */
    unsealed: seconds('postdate_unsealed_seconds', 'How long ago the last sealed day of the ledger ended', (gauge) => {
      return (ms: number) => gauge.set(ms / 1000);
    }),
    /** The pool's connections in this state; `waiting`: requests that wait for one. */
    connections: number(
      'postdate_database_connections',
      'connections',
      'Connections of the pool, by state',
      (gauge) => {
        return (state: 'used' | 'idle' | 'waiting', connections: number) => gauge.set(connections, { state });
      },
    ),
    unhandled: countUnhandled(count),
    /** A part that retries without end has failed once. */
    failed: count('postdate_errors', 'errors', 'What went wrong and is tried again, by part', (counter) => {
      return (part: string) => counter.add(1, { part });
    }),
  };
}
