import { Client, Connection } from '@temporalio/client';
import { ensureSearchAttributes } from '../../src/platform/temporal/search-attributes';
import { type Calls, closedLoop } from '../harness/closed-loop';
import type { BenchArgs, BenchContext } from '../harness/context';
import { median, percentilesOf, readableMs } from '../harness/lateness';
import { describeVersions } from '../harness/machine';
import { NAMESPACE } from '../harness/namespace';
import { wholeNumber } from '../harness/options';
import { rounded } from '../harness/rounds';
import { roundsChart } from './report';
import { startForms } from './starts';

export const options = {
  messages: { type: 'string' },
  rounds: { type: 'string' },
  concurrency: { type: 'string' },
} as const;

const sizesOf = (args: BenchArgs) => ({
  count: wholeNumber(args, 'messages', 2_000),
  rounds: wholeNumber(args, 'rounds', 5),
  concurrency: wholeNumber(args, 'concurrency', 40),
});

export const check = (args: BenchArgs) => void sizesOf(args);

/** How many messages a second go in, by `schedule()` and by the SDK's own call: round by round, in turns. */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { count, rounds, concurrency } = sizesOf(args);
  const connection = await Connection.connect({ address: bench.cluster.address });
  bench.onStop(() => connection.close());
  await ensureSearchAttributes(connection, NAMESPACE);
  const client = new Client({ connection, namespace: NAMESPACE });

  const taken: Calls[][] = startForms.map(() => []);
  // The first calls warm up the server and this process. They are not counted.
  for (const form of startForms)
    await closedLoop({ count: Math.min(count, 300), concurrency }, () => form.start(client));
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < startForms.length; turn += 1) {
      // Each round begins with another form, so that what the server still has to do for the one before hits all alike.
      const place = (round + turn) % startForms.length;
      const form = startForms[place] as (typeof startForms)[number];
      const calls = await closedLoop({ count, concurrency }, () => form.start(client));
      bench.log(`round ${round + 1}, ${form.name}: ${calls.perSecond.toFixed(0)} a second`);
      (taken[place] as Calls[]).push(calls);
    }
  }

  const ours = taken[0] as Calls[];
  const contenders = startForms.map(({ name }, place) => figures(name, taken[place] as Calls[], ours, count * rounds));
  await bench.out.json({
    versions: await describeVersions(bench.database.pool, bench.cluster.address, ['@temporalio/client']),
    concurrency,
    notes: [
      'No worker runs: this is the rate of the call alone. All messages are due in a year.',
      'Every form starts the same workflow with the same argument on the same task queue.',
      'oursTo: schedule() against this form, round by round; the figure is the median of the rounds.',
    ],
    contenders,
  });
  await bench.out.chart(roundsChart(contenders, concurrency));
  bench.out.table(
    ['call', 'a second (median)', 'schedule() against it', 'latency p50', 'p99', 'client CPU s per 1,000'],
    contenders.map((one) => [
      one.name,
      one.perSecond,
      one.oursTo,
      readableMs(one.startMs.p50),
      readableMs(one.startMs.p99),
      one.clientCpuSecondsPer1000,
    ]),
  );
}

function figures(name: string, rounds: Calls[], ours: Calls[], messages: number) {
  const ratios = rounds.map((round, index) => (ours[index] as Calls).perSecond / round.perSecond);
  return {
    name,
    messages,
    // Nothing is due in this benchmark, so nothing has an effect.
    effects: 0,
    early: 0,
    latenessMs: percentilesOf([]),
    perSecond: rounded(median(rounds.map((round) => round.perSecond)), 1),
    perSecondByRound: rounds.map((round) => rounded(round.perSecond, 1)),
    oursTo: rounded(median(ratios), 3),
    oursToByRound: ratios.map((ratio) => rounded(ratio, 3)),
    startMs: percentilesOf(rounds.flatMap((round) => round.latenciesMs)),
    clientCpuSecondsPer1000: rounded(median(rounds.map((round) => round.clientCpuSecondsPer1000)), 3),
  };
}
