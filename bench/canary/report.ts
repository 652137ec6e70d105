import { cumulativeChart } from '../harness/chart';
import { median, readableMs } from '../harness/lateness';
import type { ResultsWriter } from '../harness/results';
import { type RoundFigures, SHOWN, type SideBySide, type Spread, spreadOf } from './figures';

/** The results from which the tables and the chart are made. */
export interface CanaryResults {
  messages: number;
  contenders: RoundFigures[];
  sideBySide: SideBySide;
}

type Cells = string[];

const HEAD = [
  'round',
  'the rule’s messages landed in',
  'theirs: p50, p99, max',
  'all others’: p50, p99, max',
  'lane guard stopped it',
];
const SIDE_HEAD = ['lateness of the 18 tenants outside of the rule', 'no lanes', 'healthy canary', 'ratio'];

/** The rounds under one title, in their order. */
function byTitle(rounds: RoundFigures[]): RoundFigures[][] {
  return [...new Set(rounds.map(({ title }) => title))].map((title) => rounds.filter((one) => one.title === title));
}

function rowOf(rounds: RoundFigures[]): Cells {
  const [{ title, guard }] = rounds as [RoundFigures];
  const times = rounds.length > 1 ? ` (median of ${rounds.length})` : '';
  const lateness = (group: 'canarys' | 'others') =>
    SHOWN.map((which) => readableMs(spreadOf(rounds, group, which).median)).join(', ');
  return [
    `${title}${times}`,
    landedIn(rounds),
    lateness('canarys'),
    lateness('others'),
    guard ? stoppedAt(guard) : '–',
  ];
}

const counted = (count: number) => count.toLocaleString('en');

function landedIn(rounds: RoundFigures[]): string {
  const of = (lane: 'byCanary' | 'byStable') => median(rounds.map(({ canarys }) => canarys[lane]));
  const lanes = [['the canary', of('byCanary')] as const, ['stable', of('byStable')] as const];
  return lanes.flatMap(([lane, count]) => (count > 0 ? [`${lane} ${counted(count)}`] : [])).join(', ');
}

const stoppedAt = ({ stoppedAfterMs }: { stoppedAfterMs: number }) => `${readableMs(stoppedAfterMs)} after due`;

const spread = ({ median: middle, least, most }: Spread) =>
  `${readableMs(middle)} (${readableMs(least)} – ${readableMs(most)})`;

const sideRows = (sides: SideBySide): Cells[] =>
  (sides ?? []).map(({ figure, without, beside, ratio }) => [
    figure,
    spread(without),
    spread(beside),
    ratio.toFixed(2),
  ]);

export function printCanary({ table }: Pick<ResultsWriter, 'table'>, { contenders, sideBySide }: CanaryResults): void {
  table(HEAD, byTitle(contenders).map(rowOf));
  if (sideBySide) table(SIDE_HEAD, sideRows(sideBySide));
}

/** The same tables as Markdown, for docs/releasing.md. */
export function section({ contenders, sideBySide }: Pick<CanaryResults, 'contenders' | 'sideBySide'>): string {
  const line = (cells: Cells) => `| ${cells.join(' | ')} |`;
  const table = (head: Cells, rows: Cells[]) =>
    [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
  return [
    table(HEAD, byTitle(contenders).map(rowOf)),
    ...(sideBySide ? [table(SIDE_HEAD, sideRows(sideBySide))] : []),
  ].join('\n\n');
}

// Curves that would lie on one another are shown once.
const CURVES: [round: string, group: 'canarys' | 'others', name: string][] = [
  ['no-lanes', 'others', 'no lanes: 18 tenants'],
  ['healthy', 'others', 'healthy canary: the 18 others'],
  ['healthy', 'canarys', 'healthy canary: its two'],
  ['killed', 'canarys', 'killed: its two, by stable'],
  ['hangs', 'canarys', 'hangs: its two, by stable'],
  ['throws', 'canarys', 'throws: its two, by stable'],
  ['answers-wrongly', 'canarys', 'answers wrongly: its two, by stable'],
  ['stopped', 'canarys', 'stopped while landing: its ten'],
];

/** The lateness of the groups as curves over one another. Of a repeated round, it shows the first repetition. */
export function canaryChart({ messages, contenders }: Pick<CanaryResults, 'messages' | 'contenders'>): string {
  const curves = CURVES.flatMap(([round, group, name]) => {
    const one = contenders.find((figures) => figures.round === round);
    return one ? [{ name, samplesMs: one[group].latenessCurveMs }] : [];
  });
  return cumulativeChart(
    {
      title: 'A canary for two tenants: how late is each message?',
      subtitle: `${counted(messages)} messages of 20 tenants due at one instant; commit of the effect minus due time, by the database’s clock`,
      xLabel: 'lateness (logarithmic)',
    },
    curves,
  );
}
