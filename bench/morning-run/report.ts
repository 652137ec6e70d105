import { lineChart } from '../harness/chart';
import type { BenchContext } from '../harness/context';
import { readableMs } from '../harness/lateness';
import type { Figures } from './contenders';

/** The closing table. */
export function printFigures({ out }: BenchContext, contenders: Figures[]): void {
  out.table(
    [
      'form',
      'due rows',
      'expired',
      'paid',
      'window',
      'lateness p99',
      'max',
      'foreground p50',
      'p99',
      'max',
      'idle p99',
      'to idle',
    ],
    contenders.map((one) => [
      one.name,
      one.messages,
      one.effects,
      one.paid,
      readableMs(one.windowMs),
      readableMs(one.latenessMs.p99),
      readableMs(one.latenessMs.max),
      readableMs(one.foregroundMs.p50),
      readableMs(one.foregroundMs.p99),
      readableMs(one.foregroundMs.max),
      readableMs(one.idleP99Ms),
      one.p99AgainstIdle,
    ]),
  );
}

/** The trade-off: what a pace gains the foreground, and what it costs in lateness. */
export function tradeOffChart(subtitle: string, paced: Figures[], others: Figures[], idle: Figures): string {
  const at = (one: Figures, text?: string) => ({ x: one.latenessMs.p99, y: one.foregroundMs.p99, text });
  const latenesses = [...paced, ...others].map((one) => one.latenessMs.p99);
  return lineChart(
    { title: 'Morning run: foreground against lateness', subtitle },
    { label: 'lateness p99', logMs: true },
    { label: 'foreground latency p99 inside the window', logMs: true },
    [
      { name: 'Postdate, by pace', points: paced.map((one) => at(one, one.name.replace('Postdate, ', ''))) },
      ...others.map((one) => ({ name: one.name, points: [at(one)] })),
      {
        name: 'idle',
        points: [Math.min(...latenesses), Math.max(...latenesses)].map((x) => ({ x, y: idle.foregroundMs.p99 })),
      },
    ],
  );
}
