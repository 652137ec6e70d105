import { lineChart } from '../harness/chart';
import type { EffectCounts, Effects } from '../harness/commit-times';
import type { BenchContext } from '../harness/context';
import { median, type Percentiles, percentilesOf } from '../harness/lateness';
import { rounded } from '../harness/rounds';
import type { Landed } from './land-held';
import { STEPS, type Step, type StepTimes } from './steps';

/** One round of one form. */
export interface LandingRound extends Landed {
  messages: number;
  databaseCpuSeconds: number;
  times: StepTimes;
  effects: Effects;
}

export interface LandingFigures extends EffectCounts {
  name: string;
  messages: number;
  latenessMs: Percentiles;
  perSecond: number;
  perSecondByRound: number[];
  messagesPerTransaction: number;
  cpuSecondsPer1000: { worker: number; database: number };
  stepsUs: Record<Step | 'node', number>;
}

/** What the rounds of a form come to: counts in sums, figures in medians. */
export function contenderOf(name: string, rounds: LandingRound[]): LandingFigures {
  const sum = (of: (round: LandingRound) => number) => rounds.reduce((all, round) => all + of(round), 0);
  const each = (of: (round: LandingRound) => number, digits: number) =>
    rounded(median(rounds.map((round) => of(round) / round.messages)), digits);
  const perSecond = rounds.map(({ messages, seconds }) => messages / seconds);
  return {
    name,
    messages: sum(({ messages }) => messages),
    effects: sum(({ effects }) => effects.effects),
    events: sum(({ effects }) => effects.events),
    repeated: sum(({ effects }) => effects.repeated),
    early: sum(({ effects }) => effects.early),
    latenessMs: percentilesOf(rounds.flatMap(({ effects }) => effects.latenessMs)),
    perSecond: Math.round(median(perSecond)),
    perSecondByRound: perSecond.map((rate) => Math.round(rate)),
    messagesPerTransaction: rounded(1 / each(({ times }) => times.transactions, 9), 1),
    cpuSecondsPer1000: {
      worker: each(({ workerCpuSeconds }) => workerCpuSeconds * 1_000, 3),
      database: each(({ databaseCpuSeconds }) => databaseCpuSeconds * 1_000, 3),
    },
    stepsUs: {
      ...(Object.fromEntries(STEPS.map((step) => [step, each(({ times }) => times.ms[step] * 1_000, 1)])) as Record<
        Step,
        number
      >),
      node: each(({ times }) => times.restMs * 1_000, 1),
    },
  };
}

const HEAD = ['handler', 'a second', 'CPU s per 1,000: worker + PostgreSQL', ...STEPS, 'node'];

const rowOf = ({ name, perSecond, cpuSecondsPer1000: cpu, stepsUs }: LandingFigures) => [
  name,
  perSecond,
  `${cpu.worker} + ${cpu.database}`,
  ...[...STEPS, 'node' as const].map((step) => stepsUs[step]),
];

export function printLandings({ out }: Pick<BenchContext, 'out'>, contenders: LandingFigures[]): void {
  out.table(HEAD, contenders.map(rowOf));
}

/** The same for docs/benchmarks.md. */
export function section(contenders: LandingFigures[]): string {
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(HEAD), line(HEAD.map(() => '---')), ...contenders.map((one) => line(rowOf(one)))].join('\n');
}

/** Promises each form's rate, round by round. */
export function landingChart(
  contenders: Pick<LandingFigures, 'name' | 'perSecondByRound'>[],
  { group, transactions }: { group: number; transactions: number },
): string {
  return lineChart(
    {
      title: 'Held messages landed a second, without Temporal',
      subtitle: `groups of ${group} at most, ${transactions} transactions at a time`,
    },
    { label: 'round' },
    { label: 'messages a second' },
    contenders.map(({ name, perSecondByRound }) => ({
      name,
      points: perSecondByRound.map((y, index) => ({ x: index + 1, y })),
    })),
  );
}
