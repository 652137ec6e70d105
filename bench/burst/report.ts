import { cumulativeChart } from '../harness/chart';
import { percentilesOf, readableMs } from '../harness/lateness';
import type { ResultsWriter } from '../harness/results';
import type { PostedSoFarAhead } from './posting';
import type { Finished } from './turn';

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

/** Prints lateness and correctness, what it cost, and for posts in a window the lateness by the time of the post. */
export function printTables(out: ResultsWriter, finished: Finished[]): void {
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
    [
      'contender',
      'posted/s',
      'drained in',
      'worker MB: before',
      'peak',
      'KB per held message',
      'CPU s per 1,000: server',
      'worker',
      'database',
      'sum',
    ],
    finished.map(({ contender, figures }) => {
      const { server, worker, database, sum } = figures.cpuSecondsPer1000;
      return [
        contender.title,
        figures.schedulesPerSecond === null ? '–' : counted(figures.schedulesPerSecond),
        readableMs(figures.drainMs),
        counted(figures.workerBeforeMb),
        counted(figures.workerPeakMb),
        figures.kbPerHeldMessage ?? '–',
        ...[server, worker, database, sum].map((seconds) => seconds.toFixed(2)),
      ];
    }),
  );
  const inWindow = finished.flatMap(({ contender, figures: { window } }) => (window ? [{ contender, window }] : []));
  if (inWindow.length > 0) printWindow(out, inWindow);
}

function printWindow(
  out: ResultsWriter,
  inWindow: (Pick<Finished, 'contender'> & { window: NonNullable<Finished['figures']['window']> })[],
): void {
  const cells = ({ messages, latenessMs: { p50, p99, max } }: PostedSoFarAhead) => [
    counted(messages),
    ...[p50, p99, max].map(readableMs),
  ];
  const seconds = (inWindow[0]?.window.longBeforeMs ?? 0) / 1_000;
  out.table(
    [
      'contender',
      ...[`posted ≥ ${seconds} s before due`, 'p50', 'p99', 'max'],
      ...['posted later', 'p50', 'p99', 'max'],
      ...['answered after due', 'post p99'],
    ],
    inWindow.map(({ contender, window }) => [
      contender.title,
      ...cells(window.longBefore),
      ...cells(window.later),
      counted(window.answeredAfterDue),
      readableMs(window.postMs?.p99),
    ]),
  );
}
