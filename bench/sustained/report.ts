import { lineChart } from '../harness/chart';
import type { BenchContext } from '../harness/context';
import { readableMs } from '../harness/lateness';
import type { Flow } from './flow';
import type { findMaximum } from './maximum';
import type { TableSize } from './table-sizes';

type Steps = Awaited<ReturnType<typeof findMaximum>>;

/** A shape's figures at the rate that is asked, and at every rate that was tried beyond it. */
export interface Contender extends Flow {
  name: string;
  maximum?: ReturnType<typeof maximumOf>;
  /** The sizes of the tables over time, if they were asked for. */
  tables?: { seconds: number; sizes: TableSize[] }[];
}

/** The highest rate that was sustained; 0 if not even the first was. */
export function maximumOf(steps: Steps) {
  const kept = steps.filter((step) => step.shortfalls.length === 0).map(({ flow }) => flow.wantedPerSecond);
  return { perSecond: Math.max(0, ...kept), steps };
}

export function printShapes({ out }: BenchContext, contenders: Contender[]): void {
  out.table(
    [
      'shape',
      'in /s',
      'out /s',
      'p50',
      'p99',
      'max',
      'CPU s per 1,000',
      'server',
      'worker',
      'database',
      'transitions',
      'max /s',
    ],
    contenders.map((one) => [
      one.name,
      one.inPerSecond,
      one.outPerSecond,
      readableMs(one.latenessMs.p50),
      readableMs(one.latenessMs.p99),
      readableMs(one.latenessMs.max),
      one.cpuSecondsPer1000.sum,
      one.cpuSecondsPer1000.server,
      one.cpuSecondsPer1000.worker,
      one.cpuSecondsPer1000.database,
      one.perMessage.stateTransitions,
      one.maximum?.perSecond ?? '–',
    ]),
  );
}

/** Promises the lateness of each shape at every rate that was measured; a rate that was not sustained is marked. */
export function rateChart(contenders: (Pick<Flow, 'wantedPerSecond' | 'latenessMs'> & Partial<Contender>)[]): string {
  return lineChart(
    {
      title: 'Lateness of 99 % as ever more go in and out',
      subtitle: 'evenly spread, Temporal, PostgreSQL and worker on two cores',
    },
    { label: 'messages a second' },
    { label: 'lateness p99, milliseconds', logMs: true },
    contenders.map(({ name = '', wantedPerSecond, latenessMs, maximum }) => ({
      name,
      points: (maximum?.steps ?? [{ flow: { wantedPerSecond, latenessMs }, shortfalls: [] }]).map(
        ({ flow, shortfalls }) => ({
          x: flow.wantedPerSecond,
          y: Math.max(1, flow.latenessMs.p99),
          ...(shortfalls.length > 0 && { text: 'not sustained' }),
        }),
      ),
    })),
  );
}
