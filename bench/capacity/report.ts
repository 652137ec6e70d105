import { lineChart } from '../harness/chart';
import type { BenchContext } from '../harness/context';
import { readableMs } from '../harness/lateness';
import type { Landing } from './land-burst';
import type { Model } from './model';
import { PARTS, type PartSeconds } from './parts';
import type { Places } from './places';
import type { Sharded } from './sharded';
import type { Steady } from './steady';

/** What so many workers of one installation came to. */
export interface WorkersFigures {
  name: string;
  workers: number;
  landing: Landing;
  steady: Steady;
}

/** A burst that landed in groups of one size. */
export type Group = Landing & { size: number };

export interface Figures {
  byWorkers: WorkersFigures[];
  groups: Group[];
  sharded: Sharded;
  model: Model;
  places: Pick<Places, 'isApart' | 'inWords'>;
  /** Of each worker, while the groups were measured. */
  transactions: number;
}

type Cell = string | number;

const counted = (count: number) => count.toLocaleString('en');
const partsOf = (seconds: PartSeconds) => PARTS.map((part) => seconds[part].toFixed(2)).join(' + ');
const CPU_HEAD = 'CPU s per 1,000: server, its database, database, workers';

const WORKERS_HEAD = ['', 'landings a second', 'last after', 'posted and held a second', 'kept up a second', CPU_HEAD];

const workerRows = ({ byWorkers }: Figures): Cell[][] =>
  byWorkers.map(({ name, landing, steady }) => [
    name,
    counted(landing.landingsPerSecond),
    readableMs(landing.latenessMs.max),
    landing.postedPerSecond,
    steady.maximumPerSecond ?? `${steady.perSecond} (no more was tried)`,
    partsOf(steady.cpuSecondsPer1000),
  ]);

const GROUPS_HEAD = [
  'group',
  'landings a second',
  'landing commits a second',
  'all commits',
  'WAL bytes each',
  CPU_HEAD,
];

const groupRows = ({ groups }: Figures): Cell[][] =>
  groups.map((group) => [
    group.size,
    counted(group.landingsPerSecond),
    counted(group.landingCommitsPerSecond),
    counted(group.commits),
    counted(group.walBytesPerMessage),
    partsOf(group.cpuSecondsPer1000),
  ]);

const SHARDED_HEAD = ['the same burst', 'landings a second', 'last after', 'messages in each', 'misplaced'];

function shardedRows({ byWorkers, sharded }: Figures): Cell[][] {
  const workers = sharded.installations.length * sharded.workersEach;
  const whole = byWorkers.find((one) => one.workers === workers);
  const row = (name: string, { landingsPerSecond, latenessMs }: Landing, messages: Cell, misplaced: Cell) => [
    name,
    counted(landingsPerSecond),
    readableMs(latenessMs.max),
    messages,
    misplaced,
  ];
  const inEach = sharded.installations.map(({ decided }) => counted(decided)).join(' + ');
  return [
    ...(whole ? [row(`one installation, ${whole.name}`, whole.landing, counted(whole.landing.messages), '–')] : []),
    row(
      `${sharded.installations.length} installations, ${sharded.workersEach} worker each`,
      sharded,
      inEach,
      sharded.misplaced,
    ),
  ];
}

const MODEL_HEAD = ['', 'server', 'its database', 'application’s database', 'workers'];

const modelRows = ({ model }: Figures): Cell[][] => [
  ['share of a message’s CPU', ...PARTS.map((part) => `${Math.round(model.shares[part] * 100)} %`)],
  ['messages a second on one core', ...PARTS.map((part) => counted(model.perSecondPerCore[part]))],
  ...model.needs.map(({ perSecond, cores }) => [
    `cores for ${counted(perSecond)} a second`,
    ...PARTS.map((part) => counted(cores[part])),
  ]),
];

const TABLES: [head: string[], rows: (figures: Figures) => Cell[][]][] = [
  [WORKERS_HEAD, workerRows],
  [GROUPS_HEAD, groupRows],
  [SHARDED_HEAD, shardedRows],
  [MODEL_HEAD, modelRows],
];

export function printCapacity({ out, log }: BenchContext, figures: Figures): void {
  for (const [head, rows] of TABLES) out.table(head, rows(figures));
  log(figures.places.inWords);
}

/** The same for docs/capacity.md. */
export function section(figures: Figures): string {
  const line = (cells: Cell[]) => `| ${cells.join(' | ')} |`;
  return TABLES.map(([head, rows]) =>
    [line(head), line(head.map(() => '---')), ...rows(figures).map(line)].join('\n'),
  ).join('\n\n');
}

/** Promises the landings a second of a burst at each number of workers, and of the sharded form. */
export function landingsChart({
  byWorkers,
  sharded,
  places,
}: {
  byWorkers: { workers: number; landing: Pick<Landing, 'landingsPerSecond'> }[];
  sharded: Pick<Sharded, 'installations' | 'workersEach' | 'landingsPerSecond'>;
  places: Figures['places'];
}): string {
  const workers = sharded.installations.length * sharded.workersEach;
  return lineChart(
    { title: 'What each more worker brings: a burst that is held', subtitle: places.inWords },
    { label: 'workers' },
    { label: 'landings a second' },
    [
      {
        name: 'one installation, one database',
        points: byWorkers.map(({ workers: x, landing }) => ({ x, y: landing.landingsPerSecond })),
      },
      { name: 'two installations, two databases', points: [{ x: workers, y: sharded.landingsPerSecond }] },
    ],
  );
}
