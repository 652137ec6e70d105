import { lineChart } from '../harness/chart';
import type { BenchContext } from '../harness/context';
import { median, type Percentiles, readableMs } from '../harness/lateness';
import { postingOf, type Round, rounded } from '../harness/rounds';
import { bottleneckOf, type Cores, shareOf } from '../harness/shares';

export interface Posts {
  name: string;
  perSecond: number;
  perSecondByRound: number[];
  toClient: number;
  callMs: Percentiles;
  cores: Cores;
  temporalShare: number;
  bottleneck: string;
}

/** What the rounds come to, by form. */
export function contendersOf(
  measured: Map<string, Round[]>,
  { messages, baseline }: { messages: number; baseline: string },
) {
  const rateOf = (form: string) => median((measured.get(form) ?? []).map(({ perSecond }) => perSecond));
  return [...measured].map(([name, rounds]) => {
    const of = (figure: (round: Round) => number) => median(rounds.map(figure));
    const posting = postingOf(name, rounds, { messages });
    const { cores } = posting;
    return {
      ...posting,
      toClient: rounded(rateOf(name) / rateOf(baseline), 3),
      callMs: {
        p50: of(({ callMs }) => callMs.p50),
        p90: of(({ callMs }) => callMs.p90),
        p99: of(({ callMs }) => callMs.p99),
        max: of(({ callMs }) => callMs.max),
      },
      temporalShare: shareOf(cores, 'Temporal'),
      bottleneck: bottleneckOf({ cores, threads: { API: 1 } }),
    };
  });
}

const HEAD = ['call', 'messages a second', 'to the client', 'p50', 'p99', 'cores: Temporal, PostgreSQL, API, clients'];

const rowOf = ({ name, perSecond, toClient, callMs, cores }: Posts) => [
  name,
  perSecond,
  toClient,
  readableMs(callMs.p50),
  readableMs(callMs.p99),
  ['Temporal', 'PostgreSQL', 'API', 'clients'].map((part) => (cores[part] ?? 0).toFixed(2)).join(' + '),
];

export function printPosts({ out }: Pick<BenchContext, 'out'>, contenders: Posts[]): void {
  out.table(HEAD, contenders.map(rowOf));
}

/** The same for docs/benchmarks.md, with what keeps each from being faster. */
export function section(contenders: Posts[]): string {
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [
    line([...HEAD, 'what bounds it']),
    line([...HEAD, ''].map(() => '---')),
    ...contenders.map((one) => line([...rowOf(one), one.bottleneck])),
  ].join('\n');
}

/** Promises each form's rate, round by round. */
export function postsChart(
  contenders: Pick<Posts, 'name' | 'perSecondByRound'>[],
  { clients, concurrency, batch }: { clients: number; concurrency: number; batch: number },
): string {
  return lineChart(
    {
      title: 'Messages posted a second, over HTTP and beside it',
      subtitle: `${clients} clients, ${concurrency} calls at a time, ${batch} messages in a batch, the forms in turns`,
    },
    { label: 'round' },
    { label: 'messages a second' },
    contenders.map(({ name, perSecondByRound }) => ({
      name,
      points: perSecondByRound.map((y, index) => ({ x: index + 1, y })),
    })),
  );
}
