import { join } from 'node:path';
import { migrate, postdateSchema } from '../../src/platform/database/migrate';
import { registerTopics } from '../../src/producing/dispatch/register-topics';
import { createApplication, settleDatabase } from '../harness/application';
import type { BenchArgs, BenchContext } from '../harness/context';
import { startFleet } from '../harness/fleet';
import { describeVersions } from '../harness/machine';
import { NAMESPACE } from '../harness/namespace';
import { wholeNumber, words } from '../harness/options';
import { requestExpiry } from '../harness/request-expiry';
import { meterCores } from '../harness/shares';
import { UsageError } from '../harness/usage-error';
import { measureCatchUp } from './catch-up';
import { FORMS } from './forms';
import { contendersOf, printTransactions, section, type TransactionRound, transactionsChart } from './report';

export const options = {
  messages: { type: 'string' },
  rounds: { type: 'string' },
  clients: { type: 'string' },
  concurrency: { type: 'string' },
  'per-transaction': { type: 'string' },
  backlog: { type: 'string' },
  dispatch: { type: 'string' },
} as const;

function sizesOf(args: BenchArgs) {
  const dispatch = (words(args, 'dispatch') ?? ['50', '200', '10000']).map(Number);
  if (!dispatch.every((one) => Number.isSafeInteger(one) && one >= 1 && one <= 10_000)) {
    throw new UsageError('--dispatch: must be whole numbers from 1 to 10000, like 50,200,10000');
  }
  return {
    messages: wholeNumber(args, 'messages', 20_000),
    rounds: wholeNumber(args, 'rounds', 5),
    clients: wholeNumber(args, 'clients', 2),
    concurrency: wholeNumber(args, 'concurrency', 32),
    perTransaction: wholeNumber(args, 'per-transaction', 100),
    backlog: wholeNumber(args, 'backlog', 3_000, 2),
    dispatch,
  };
}

export const check = (args: BenchArgs) => void sizesOf(args);

const topic = requestExpiry({ name: 'bench.sql' });

/** Posting in the producer's own transaction: what it costs PostgreSQL, and how fast a worker takes it on to Temporal. */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { messages, rounds, clients, concurrency, perTransaction, backlog, dispatch } = sizesOf(args);
  const { cluster, database } = bench;
  await createApplication(database.pool);
  await migrate(database.pool, postdateSchema);
  await registerTopics(database.pool, [topic]);
  const fleet = await startFleet(
    bench,
    {
      file: join(__dirname, 'client.ts'),
      env: {
        DATABASE_URL: database.url,
        BENCH_TOPIC: topic.name,
        BENCH_CONNECTIONS: String(Math.ceil(concurrency / clients)),
        BENCH_PER_TRANSACTION: String(perTransaction),
      },
    },
    clients,
  );
  const parts = { PostgreSQL: [cluster.postgresPid], clients: fleet.pids, Temporal: [cluster.pid] };

  const forms = Object.values(FORMS);
  const messagesPerCall = (form: string) => (form === FORMS.many ? perTransaction : 1);
  const callsOf = (form: string, of: number) => Math.max(1, Math.ceil(of / messagesPerCall(form)));
  const measured = new Map<string, TransactionRound[]>(forms.map((form) => [form, []]));
  for (const form of forms) {
    const round = `warm.${forms.indexOf(form)}`;
    await fleet.run({ form, round, count: callsOf(form, messages / 10), concurrency });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < forms.length; turn += 1) {
      const form = forms[(round + turn) % forms.length] as string;
      const count = callsOf(form, messages);
      await settleDatabase(database.pool);
      const cores = meterCores(parts);
      const task = { form, round: `${forms.indexOf(form)}.${round}`, count, concurrency };
      const { seconds, callMs } = await fleet.run(task);
      const perSecond = (count * messagesPerCall(form)) / seconds;
      bench.log(`round ${round + 1}, ${form}: ${perSecond.toFixed(0)} messages a second`);
      measured
        .get(form)
        ?.push({ perSecond, transactionsPerSecond: count / seconds, callMs, cores: cores.read().cores });
    }
  }
  // Commands that were not dispatched would otherwise be dispatched before the next measurement.
  await database.pool.query('truncate postdate.command');

  const caughtUp = [];
  for (const perSecond of dispatch) {
    const startWorker = () =>
      bench.start(`worker-${perSecond}`, {
        file: join(__dirname, '..', 'harness', 'postdate-worker.ts'),
        ready: 'worker is running',
        env: {
          DATABASE_URL: database.url,
          TEMPORAL_ADDRESS: cluster.address,
          TEMPORAL_NAMESPACE: NAMESPACE,
          BENCH_TOPIC: topic.name,
          POSTDATE_DISPATCH_PER_SECOND: String(perSecond),
        },
      });
    const one = await measureCatchUp(bench, { topic: topic.name, backlog, perSecond }, startWorker);
    bench.log(`dispatch, ${perSecond} a second set: ${one.perSecond} a second`);
    caughtUp.push(one);
  }

  const contenders = contendersOf(measured, { messages: messages * rounds, baseline: FORMS.row });
  await bench.out.json({
    versions: await describeVersions(database.pool, cluster.address, ['pg']),
    clients,
    concurrency,
    perTransaction,
    notes: [
      'Commits wait for the disk. No worker runs while transactions are measured, and Temporal has nothing to do.',
      'A transaction is begin, an insert of the business row, the call, commit: four round trips, or 2 + 2 for each message.',
      'catchUp: commands committed while no worker ran; a second is counted from the first that one took to Temporal to the last.',
    ],
    contenders,
    catchUp: caughtUp,
  });
  await bench.out.chart(transactionsChart(contenders, { clients, concurrency, perTransaction }));
  printTransactions(bench, contenders, caughtUp);
  bench.log(section(contenders, caughtUp));
}
