import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { drawChart } from '../bench/harness/chart';
import { linearAxisFor } from '../bench/harness/chart-scale';
import { describeCommit, describeMachine } from '../bench/harness/machine';
import { writeJson } from '../bench/harness/results';
import type { Plan } from './plan/plan';
import type { play } from './play';
import { drainOf, type OverdueAt } from './watch/overdue';

type Outcome = Awaited<ReturnType<typeof play>>;
type Result = Omit<Outcome, 'curve' | 'growth'> & { name: string; plan: { seed: number } };

/** Prints what came of a run; with `out`, writes it there with its curve as a chart. */
export async function report(
  name: string,
  plan: Plan,
  outcome: Outcome,
  { command, out }: { command: string[]; out?: string },
): Promise<void> {
  const { curve, growth, ...rest } = outcome;
  const faults: Record<string, number> = {};
  for (const { kind } of plan.faults) faults[kind] = (faults[kind] ?? 0) + 1;
  const drain = drainOf(curve, plan);
  const planned = { seed: plan.seed, minutes: plan.minutes, faults };
  process.stdout.write(`${JSON.stringify({ plan: planned, ...rest, drain }, null, 2)}\n`);
  if (name === 'soak') process.stdout.write(`${JSON.stringify(growth, null, 2)}\n`);
  if (out === undefined) return;
  const heading = {
    command: ['npm run chaos --', ...command].join(' '),
    ...(await describeCommit()),
    machine: describeMachine(),
  };
  await mkdir(out, { recursive: true });
  // As columns: a row of its own for every second would fill pages.
  const columns = { seconds: curve.map(({ seconds }) => seconds), messages: curve.map(({ messages }) => messages) };
  const soaked = name === 'soak' ? { growth } : {};
  await writeJson(join(out, `${name}.json`), {
    name,
    ...heading,
    plan: planned,
    ...rest,
    drain,
    ...soaked,
    curve: columns,
  });
  await writeFile(join(out, `${name}.svg`), overdueChart(name, outcome.figures.messages, curve));
}

const TITLES: Record<string, string> = {
  'outage-temporal': 'Five minutes without Temporal',
  'outage-postgres': 'Five minutes without PostgreSQL',
};

/** How many messages were overdue, second by second. */
export function overdueChart(name: string, messages: number, curve: OverdueAt[]): string {
  const points = curve.map(({ seconds, messages: y }) => ({ x: seconds, y }));
  return drawChart({
    title: TITLES[name] ?? name,
    subtitle: `${messages} messages; overdue by more than a second, and undecided`,
    x: linearAxisFor(
      'seconds since the start',
      points.map(({ x }) => x),
    ),
    y: linearAxisFor(
      'messages overdue',
      points.map(({ y }) => y),
    ),
    series: [{ name: 'overdue', points }],
    lines: true,
    dots: false,
  });
}

/** A run's row in the table of docs/reliability.md. */
export function rowOf({ name, plan, struck, settled, figures, violations }: Result): string {
  const cells = [
    `[${plan.seed}](../chaos/results/${name}.json)`,
    ...[figures.messages, struck.kills, struck.pauses, struck.linkFaults, struck.commitsUnknown, struck.timersLost],
    ...[struck.diskFull, struck.clockWrong.length, figures.events, figures.duplicateDeliveries, violations.length],
    `${Math.round((settled.landedAfterMs ?? Number.NaN) / 1_000)} s`,
  ];
  return `| ${cells.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)).join(' | ')} |`;
}
