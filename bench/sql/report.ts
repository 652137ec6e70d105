import { lineChart } from '../harness/chart';
import type { BenchContext } from '../harness/context';
import { median, type Percentiles, readableMs } from '../harness/lateness';
import { postingOf, type Round, rounded } from '../harness/rounds';
import { bottleneckOf, type Cores } from '../harness/shares';
import type { CatchUp } from './catch-up';

/** One round of one form. */
export interface TransactionRound extends Round {
  transactionsPerSecond: number;
}

export interface Transactions {
  name: string;
  perSecond: number;
  perSecondByRound: number[];
  transactionsPerSecond: number;
  /** Against transactions of the business row alone, message by message. */
  toRow: number;
  callMs: Pick<Percentiles, 'p50' | 'p99'>;
  cores: Cores;
  bottleneck: string;
}

/** What the rounds come to, by form. */
export function contendersOf(
  measured: Map<string, TransactionRound[]>,
  { messages, baseline }: { messages: number; baseline: string },
) {
  const rateOf = (form: string) => median((measured.get(form) ?? []).map(({ perSecond }) => perSecond));
  return [...measured].map(([name, rounds]) => {
    const of = (figure: (round: TransactionRound) => number) => median(rounds.map(figure));
    const posting = postingOf(name, rounds, { messages });
    const { cores } = posting;
    return {
      ...posting,
      transactionsPerSecond: rounded(
        of((round) => round.transactionsPerSecond),
        1,
      ),
      toRow: rounded(rateOf(name) / rateOf(baseline), 3),
      callMs: { p50: of(({ callMs }) => callMs.p50), p99: of(({ callMs }) => callMs.p99) },
      bottleneck: bottleneckOf({ cores }),
    };
  });
}

const HEAD = ['transaction', 'messages a second', 'to the row alone', 'p50', 'p99', 'cores: PostgreSQL, clients'];
const CATCH_UP_HEAD = ['dispatch set to', 'commands', 'a second', 'cores: Temporal, PostgreSQL, worker'];

const coresOf = (cores: Cores, parts: string[]) => parts.map((part) => (cores[part] ?? 0).toFixed(2)).join(' + ');

const rowOf = ({ name, perSecond, toRow, callMs, cores }: Transactions) => [
  name,
  perSecond,
  toRow,
  readableMs(callMs.p50),
  readableMs(callMs.p99),
  coresOf(cores, ['PostgreSQL', 'clients']),
];
const catchUpRowOf = ({ perSecondSet, commands, perSecond, cores }: CatchUp) => [
  perSecondSet,
  commands,
  perSecond,
  coresOf(cores, ['Temporal', 'PostgreSQL', 'worker']),
];

export function printTransactions(
  { out }: Pick<BenchContext, 'out'>,
  contenders: Transactions[],
  catchUp: CatchUp[],
): void {
  out.table(HEAD, contenders.map(rowOf));
  out.table(CATCH_UP_HEAD, catchUp.map(catchUpRowOf));
}

/** The same for docs/benchmarks.md, with what keeps each from being faster. */
export function section(contenders: Transactions[], catchUp: CatchUp[]): string {
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  const bounded = (one: CatchUp) =>
    // The pace is taken in tenths of a second, so the first of them comes at once.
    one.perSecond >= one.perSecondSet * 0.95
      ? 'what is set'
      : bottleneckOf({ cores: one.cores, threads: { worker: 1 } });
  return [
    line([...HEAD, 'what bounds it']),
    line([...HEAD, ''].map(() => '---')),
    ...contenders.map((one) => line([...rowOf(one), one.bottleneck])),
    '',
    line([...CATCH_UP_HEAD, 'what bounds it']),
    line([...CATCH_UP_HEAD, ''].map(() => '---')),
    ...catchUp.map((one) => line([...catchUpRowOf(one), bounded(one)])),
  ].join('\n');
}

/** Promises each form's rate, round by round. */
export function transactionsChart(
  contenders: Pick<Transactions, 'name' | 'perSecondByRound'>[],
  { clients, concurrency, perTransaction }: { clients: number; concurrency: number; perTransaction: number },
): string {
  return lineChart(
    {
      title: 'Messages posted a second, in the producer’s own transaction',
      subtitle: `${clients} clients, ${concurrency} transactions at a time, ${perTransaction} messages in a large one`,
    },
    { label: 'round' },
    { label: 'messages a second' },
    contenders.map(({ name, perSecondByRound }) => ({
      name,
      points: perSecondByRound.map((y, index) => ({ x: index + 1, y })),
    })),
  );
}
