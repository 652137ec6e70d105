import { Connection } from '@temporalio/client';
import { ensureSearchAttributes } from '../../src/platform/temporal/search-attributes';
import { createApplication } from '../harness/application';
import type { BenchArgs, BenchContext } from '../harness/context';
import { describeVersions } from '../harness/machine';
import { NAMESPACE } from '../harness/namespace';
import { durationMs, wholeNumber, words } from '../harness/options';
import type { ServerChoice } from '../harness/servers';
import { UsageError } from '../harness/usage-error';
import { batchForm, idleForm } from './batch-forms';
import { bossForm } from './boss-form';
import { figuresOf } from './contenders';
import { restoreMsOf } from './form';
import { PLACES, place, placeSelf } from './places';
import { type Pace, postdateForm } from './postdate-form';
import { printFigures, tradeOffChart } from './report';
import { fillTable } from './request-rows';
import { type Turn, takeTurn } from './turn';

export const options = {
  rows: { type: 'string' },
  windows: { type: 'string' },
  'job-windows': { type: 'string' },
  messages: { type: 'string' },
  rate: { type: 'string' },
  paces: { type: 'string' },
  restore: { type: 'string' },
} as const;

const DEFAULT_PACES = ['50:5', '100:10', '250:10', '500:20', '1000:50', '2000:100'];
// An application's pool: enough for 300 requests a second many times over, as long as none of them waits.
const CONNECTIONS = 50;

function sizesOf(args: BenchArgs) {
  const windows = wholeNumber(args, 'windows', 5);
  return {
    dueRows: wholeNumber(args, 'rows', 50_000),
    windows,
    // Half a minute each.
    jobWindows: wholeNumber(args, 'job-windows', Math.min(2, windows)),
    messages: wholeNumber(args, 'messages', 800),
    rate: wholeNumber(args, 'rate', 300),
    restoreMsOf: (due: number) => durationMs(args, 'restore', restoreMsOf(due)),
    paces: (words(args, 'paces') ?? DEFAULT_PACES).map(paceOf),
  };
}

function paceOf(word: string): Required<Pace> {
  const [, perSecond, group] = /^([1-9]\d*):([1-9]\d*)$/.exec(word) ?? [];
  if (perSecond === undefined) throw new UsageError('--paces: must be like 250:10,500:20: a second, and in a group');
  return { perSecond: Number(perSecond), group: Number(group) };
}

export const check = (args: BenchArgs) => void sizesOf(args).restoreMsOf(0);
export const servers = (): ServerChoice => ({ ownDatabaseServer: { cpus: PLACES?.application } });

/** What it does to an application when much is due at one instant, and what a pace changes. */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { dueRows, windows, jobWindows, messages, rate, paces, restoreMsOf } = sizesOf(args);
  const { cluster, database } = bench;
  const rows = 2 * Math.max(dueRows, messages);
  await createApplication(database.pool);
  await fillTable(database.pool, rows);
  const connection = await Connection.connect({ address: cluster.address });
  await ensureSearchAttributes(connection, NAMESPACE);
  await connection.close();
  await placeSelf();
  await place([cluster.pid, cluster.postgresPid], 'scheduler');

  const turn = (form: Parameters<typeof takeTurn>[1]) =>
    takeTurn(bench, form, { rows, rate, connections: CONNECTIONS });
  const ofRows = { bench, dueRows, windows, restoreMs: restoreMsOf(dueRows) };
  const ofMessages = { bench, dueRows: messages, windows, restoreMs: restoreMsOf(messages) };
  const idleRows = await turn(idleForm({ ...ofRows, name: 'idle' }));
  const idleMessages = await turn(idleForm({ ...ofMessages, name: 'idle, payments on the rows with messages' }));
  const job = await turn(batchForm({ ...ofRows, name: 'batch job, row by row', windows: jobWindows }, 'rows'));
  const update = await turn(batchForm({ ...ofRows, name: 'one UPDATE' }, 'set'));
  const boss = await turn(bossForm({ ...ofMessages, name: 'pg-boss' }));
  const free = await turn(postdateForm({ ...ofMessages, name: 'Postdate, no pace' }, { group: 500 }));
  const paced: Turn[] = [];
  for (const pace of paces) {
    const name = `Postdate, ${pace.perSecond} a second in groups of ${pace.group}`;
    paced.push(await turn(postdateForm({ ...ofMessages, name }, pace)));
  }

  const [idle, idleOfMessages] = [figuresOf(idleRows, idleRows), figuresOf(idleMessages, idleMessages)];
  const others = [
    ...[job, update].map((one) => figuresOf(one, idleRows)),
    ...[boss, free].map((one) => figuresOf(one, idleMessages)),
  ];
  const pacedFigures = paced.map((one) => figuresOf(one, idleMessages));
  const notes = notesOn({ rows, dueRows, windows, jobWindows, messages });
  await bench.out.json({
    versions: await describeVersions(database.pool, cluster.address, ['@temporalio/worker', 'pg', 'pg-boss']),
    rate,
    connections: CONNECTIONS,
    pinning: PLACES ?? null,
    notes,
    contenders: [idle, idleOfMessages, ...others, ...pacedFigures],
  });
  const subtitle = `${rate} requests a second; medians of ${windows} windows; ${messages} messages, ${dueRows} rows in the batch forms`;
  await bench.out.chart(tradeOffChart(subtitle, pacedFigures, others, idleOfMessages));
  printFigures(bench, [idle, idleOfMessages, ...others, ...pacedFigures]);
  for (const note of notes) bench.log(note);
  const inexact = [...others, ...pacedFigures].filter(
    ({ undecided, early, effects, events }) => undecided + early > 0 || effects !== events,
  );
  if (inexact.length > 0) throw new Error(`not exact: ${inexact.map(({ name }) => name).join('; ')}`);
}

interface Sizes {
  rows: number;
  dueRows: number;
  windows: number;
  jobWindows: number;
  messages: number;
}

const notesOn = ({ rows, dueRows, windows, jobWindows, messages }: Sizes): string[] => [
  PLACES
    ? `The application's database and the foreground are on core ${PLACES.application}, the Temporal server, its database, the workers and the jobs on core ${PLACES.scheduler}: in production these are different machines.`
    : 'Nothing is pinned on this machine: the foreground shares its cores with everything else.',
  `${dueRows} of ${rows} rows are due at the instant for the batch forms; pg-boss and Postdate carry ${messages} messages in each window, because ${dueRows} starts in Temporal for each window would take two cores the better part of an hour.`,
  `Figures are medians of ${windows} windows, of the row-by-row job ${jobWindows}, as one of its windows takes half a minute.`,
  'Half of all requests go to rows that are due, half to rows that are not. What was paid before a form came to it does not expire: effects + paid = due rows.',
  'A window is from the due instant to the commit of the last effect; latency counts from when a request was to be sent. The idle p99 beside each form is of idle windows of the same length.',
  'Postdate’s messages of all windows are posted once, inside a lead of four hours, and held before the first window: no wake falls into a window. What follows a landing in Temporal does, on the scheduler’s core.',
];
