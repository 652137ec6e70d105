import { Client, Connection } from '@temporalio/client';
import type { BenchArgs, BenchContext } from '../harness/context';
import { drained } from '../harness/drained';
import { describeVersions } from '../harness/machine';
import { NAMESPACE } from '../harness/namespace';
import { wholeNumber } from '../harness/options';
import { countOpenWorkflows } from '../harness/temporal-tables';
import { UsageError } from '../harness/usage-error';
import { figuresOf, sideBySide } from './figures';
import { canaryChart, printCanary, section } from './report';
import { readRoundRecords } from './round-records';
import type { RoundRun } from './round-run';
import { chosen, inOrder, TENANTS } from './rounds';
import { runRound } from './run-round';
import { createEffects } from './topic';
import { startStable } from './workers';

export const options = {
  messages: { type: 'string' },
  repetitions: { type: 'string' },
  only: { type: 'string' },
} as const;

function sizesOf(args: BenchArgs) {
  const messages = wholeNumber(args, 'messages', 1_000, TENANTS.length);
  if (messages % TENANTS.length !== 0) throw new UsageError(`--messages: must be a multiple of ${TENANTS.length}`);
  return { messages, repetitions: wholeNumber(args, 'repetitions', 3), rounds: chosen(args) };
}

export const check = (args: BenchArgs) => void sizesOf(args);

// A cautious guess for the first round. Later rounds use the rate of the round before.
const FIRST_HELD_PER_SECOND = 30;
// Posting goes straight to the hold, and no wake falls into the burst.
const LEAD_RESERVE_MS = 20_000;
// Longer than Temporal takes to miss the heartbeats of a worker that was killed.
const ENDING_RESERVE_MS = 60_000;

/**
 * Proves the promises of lanes: a burst of many tenants with a canary for some of them. The canary lands, fails in
 * every way, or is taken back.
 */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { messages, repetitions, rounds } = sizesOf(args);
  const { cluster, database } = bench;
  await createEffects(database.pool);
  const connection = await Connection.connect({ address: cluster.address });
  bench.onStop(() => connection.close());
  const client = new Client({ connection, namespace: NAMESPACE });
  const leadMs = LEAD_RESERVE_MS + Math.ceil((messages / FIRST_HELD_PER_SECOND) * 1_000);
  const openWorkflows = () => countOpenWorkflows(cluster.temporalDatabases.main, NAMESPACE);
  await startStable(bench, leadMs);

  const all: RoundRun[] = [];
  let heldPerSecond = FIRST_HELD_PER_SECOND;
  // Workflows that wait for a killed worker end later: Temporal first has to miss the worker's heartbeats.
  let stuck = 0;
  const open = async () => Math.max(0, (await openWorkflows()) - stuck);
  for (const { round, repetition } of inOrder(rounds, repetitions)) {
    const played = await runRound({ bench, client, leadMs, messages, heldPerSecond, open }, round, repetition);
    ({ heldPerSecond } = played);
    stuck = await openWorkflows();
    all.push(played);
    const { name, violations, latenessMs } = figuresOf(played, await readRoundRecords(database.pool, played));
    bench.log(`${name}: all within ${Math.round(latenessMs.max)} ms, ${held(heldPerSecond)}; ${said(violations)}`);
  }
  const left = await drained(openWorkflows, leadMs + ENDING_RESERVE_MS);

  // Read again at the end, because a second landing may come late.
  const contenders = [];
  for (const played of all) contenders.push(figuresOf(played, await readRoundRecords(database.pool, played)));
  const violations = [
    ...contenders.flatMap((one) => one.violations.map((violation) => `${one.name}: ${violation}`)),
    ...(left > 0 ? [`workflows that have not ended: ${left}`] : []),
  ];
  const results = { messages, repetitions, leadMs, contenders, sideBySide: sideBySide(contenders) };
  await bench.out.json({
    versions: await describeVersions(database.pool, cluster.address, ['@temporalio/client', '@temporalio/worker']),
    notes: [
      'Lateness is the commit of the effect minus the due time, by the database’s clock.',
      'canarys: the tenants that the lane’s rule is for; others: all others, the same ones in every round of two tenants.',
      'canaryMet: messages that the canary’s handler was given, written down at once outside of its transaction.',
      'Each round has a lane and a canary of its own; the stable worker is the same in all. In "no lanes" a canary runs, and no rule names it.',
    ],
    ...results,
    violations,
  });
  await bench.out.chart(canaryChart(results));
  printCanary(bench.out, results);
  bench.log(section(results));
  if (violations.length > 0) throw new UsageError(`not as it must be:\n${violations.join('\n')}`);
}

const held = (perSecond: number) => `posted and held ${Math.round(perSecond)} a second`;
const said = (violations: string[]) => (violations.length === 0 ? 'as it must be' : violations.join('; '));
