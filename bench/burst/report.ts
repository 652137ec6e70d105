import { cumulativeChart } from '../harness/chart';
import { percentilesOf, readableMs } from '../harness/lateness';
import type { ResultsWriter } from '../harness/results';
import type { Finished } from './attempt';

const counted = (count: number) => count.toLocaleString('en');

/** Promises the lateness of all contenders as curves over one another. */
export function chartOf(finished: Finished[]): string {
  return cumulativeChart(
    {
      title: 'Due at one instant: how late is each message?',
      subtitle:
        'commit time of the effect minus due time, by the database’s clock; all contenders in one run on one machine',
      xLabel: 'lateness (logarithmic)',
    },
    finished.map(({ contender, messages, figures }) => ({
      name: `${contender.title}, ${counted(messages)}`,
      samplesMs: figures.samplesMs,
    })),
  );
}

/** Prints lateness and correctness, then what it cost. */
export function printTable(out: ResultsWriter, finished: Finished[]): void {
  out.table(
    ['contender', 'N', 'effects', 'events', 'repeated', 'early', 'p50', 'p90', 'p99', 'max'],
    finished.map(({ contender, messages, figures }) => {
      const { p50, p90, p99, max } = percentilesOf(figures.samplesMs);
      return [
        contender.title,
        counted(messages),
        ...[figures.effects, figures.events, figures.repeated, figures.early].map(counted),
        ...[p50, p90, p99, max].map(readableMs),
      ];
    }),
  );
  out.table(
    ['contender', 'posted/s', 'drained in', 'worker MB', 'CPU s per 1,000: server', 'worker', 'database', 'sum'],
    finished.map(({ contender, figures }) => {
      const { server, worker, database, sum } = figures.cpuSecondsPer1000;
      return [
        contender.title,
        figures.schedulesPerSecond === null ? '–' : counted(figures.schedulesPerSecond),
        readableMs(figures.drainMs),
        counted(figures.workerPeakMb),
        ...[server, worker, database, sum].map((seconds) => seconds.toFixed(2)),
      ];
    }),
  );
}
