import { lineChart } from '../harness/chart';
import type { BenchContext } from '../harness/context';
import { type Percentiles, readableMs } from '../harness/lateness';

/** One level, as far as tables and charts show it. */
export interface Level {
  name: string;
  pending: number;
  startMs: Percentiles;
  latenessMs: Percentiles;
  bytesPerMessage: number;
  postedPerSecond: number;
  idleCores: { server: number; database: number };
}

/** How the last level's figures stand to the first's; 1 is flat. */
export function growthOf(first: Level, last: Level) {
  const times = (of: (level: Level) => number) => Math.round((of(last) / of(first)) * 100) / 100;
  return {
    startP50: times(({ startMs }) => startMs.p50),
    startP99: times(({ startMs }) => startMs.p99),
    latenessP50: times(({ latenessMs }) => latenessMs.p50),
    latenessP99: times(({ latenessMs }) => latenessMs.p99),
  };
}

export function printLevels({ out }: BenchContext, levels: Level[]): void {
  out.table(
    [
      'level',
      'bytes each',
      'posted /s',
      'start p50',
      'p99',
      'lateness p50',
      'p99',
      'max',
      'idle server',
      'idle database',
    ],
    levels.map((level) => [
      level.name,
      level.bytesPerMessage,
      level.postedPerSecond,
      readableMs(level.startMs.p50),
      readableMs(level.startMs.p99),
      readableMs(level.latenessMs.p50),
      readableMs(level.latenessMs.p99),
      readableMs(level.latenessMs.max),
      `${level.idleCores.server.toFixed(2)} cores`,
      `${level.idleCores.database.toFixed(2)} cores`,
    ]),
  );
}

export function levelChart(levels: Level[], { probe, leadMs }: { probe: number; leadMs: number }): string {
  const series = (name: string, of: (level: Level) => number) => ({
    name,
    points: levels.map((level) => ({ x: level.pending, y: of(level) })),
  });
  return lineChart(
    {
      title: 'Starts and landings, as ever more messages wait',
      subtitle: `starts at ten a second; ${probe} messages due one after the other, lead ${leadMs / 1_000} s`,
    },
    { label: 'waiting messages' },
    { label: 'milliseconds', logMs: true },
    [
      series('start p50', ({ startMs }) => startMs.p50),
      series('start p99', ({ startMs }) => startMs.p99),
      series('lateness p50', ({ latenessMs }) => latenessMs.p50),
      series('lateness p99', ({ latenessMs }) => latenessMs.p99),
    ],
  );
}
