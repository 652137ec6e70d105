import type { Pool } from 'pg';
import type { LandingLimits } from '../../src/delivery/landing/topic-queues';
import type { Delivery } from '../../src/message/contract';
import { migrate, postdateSchema } from '../../src/platform/database/migrate';
import { createPool } from '../../src/platform/database/pool';
import type { Topic } from '../../src/topics/topic';
import { createApplication, insertRequests, settleDatabase } from '../harness/application';
import { outboxEvents, readEffects } from '../harness/commit-times';
import type { BenchArgs, BenchContext } from '../harness/context';
import { cpuOf } from '../harness/cpu';
import { describeVersions } from '../harness/machine';
import { wholeNumber } from '../harness/options';
import { requestExpiry } from '../harness/request-expiry';
import type { ServerChoice } from '../harness/servers';
import { landHeld } from './land-held';
import { contenderOf, type LandingRound, landingChart, printLandings, section } from './report';
import { timeSteps } from './steps';

export const options = {
  messages: { type: 'string' },
  rounds: { type: 'string' },
  group: { type: 'string' },
  transactions: { type: 'string' },
} as const;

const sizesOf = (args: BenchArgs) => ({
  messages: wholeNumber(args, 'messages', 20_000, 5),
  rounds: wholeNumber(args, 'rounds', 7),
  group: wholeNumber(args, 'group', 500),
  transactions: wholeNumber(args, 'transactions', 2),
});

export const check = (args: BenchArgs) => void sizesOf(args);

export const servers = (): ServerChoice => ({ withoutTemporal: true });

// As a worker has them by default.
const CONNECTIONS = 20;
// Without `landAll` each message costs its own statements, so a round has fewer of them.
const PLAIN_PART = 5;

/** Promises how many held messages a second one process lands, with no Temporal beside it, and which step takes how long. */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { messages, rounds, group, transactions } = sizesOf(args);
  const { database } = bench;
  await createApplication(database.pool);
  await migrate(database.pool, postdateSchema);
  const pool = createPool(database.url, {
    connections: CONNECTIONS,
    onError: (error) => bench.log(`landing: ${error.message}`),
  });
  bench.onStop(() => pool.end());
  const steps = timeSteps(pool);
  const limits: LandingLimits = { groupSize: group, transactions, connections: CONNECTIONS };
  const set = requestExpiry({ name: 'bench.landing' });
  const forms = [
    { name: 'set', topic: set, count: messages },
    { name: 'plain', topic: { ...set, name: 'bench.plain', landAll: undefined }, count: messages / PLAIN_PART },
  ].map((form) => ({ ...form, count: Math.ceil(form.count), measured: [] as LandingRound[] }));

  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, topic, count, measured } of forms) {
      const run = `${name}.${round}`;
      const deliveries = await heldDeliveries(database.pool, topic, { run, count });
      steps.reset();
      const databaseBefore = cpuOf(database.pid);
      const landed = await landHeld(pool, topic, deliveries, limits);
      const databaseCpuSeconds = cpuOf(database.pid) - databaseBefore;
      const times = steps.read();
      // The first round warms up the pool, the plans and the compiler of JavaScript.
      if (round === 0) continue;
      const effects = await readEffects(database.pool, run, outboxEvents);
      measured.push({ messages: count, ...landed, databaseCpuSeconds, times, effects });
      bench.log(`round ${round}, ${name}: ${Math.round(count / landed.seconds)} messages a second`);
    }
  }

  const contenders = forms.map(({ name, measured }) => contenderOf(name, measured));
  await bench.out.json({
    versions: await describeVersions(database.pool, undefined, ['pg']),
    ...{ group, transactions },
    notes: [
      'Messages are in memory and due when the time begins. No Temporal runs. Commits wait for the disk.',
      'set: landAll with one UPDATE and one event for each message. plain: handle, message by message, in groups of 50 at most.',
      'stepsUs: microseconds for each message, from the call of a statement in Node to its result. Transactions run side by side, so the steps of one wait for the cores that the other uses. node: between the statements.',
    ],
    contenders: contenders.map((one) => ({ ...one })),
  });
  await bench.out.chart(landingChart(contenders, { group, transactions }));
  printLandings(bench, contenders);
  bench.log(section(contenders));
}

/** Messages whose rows are due, as a worker would hold them, on a database that has come to rest. */
async function heldDeliveries(
  pool: Pool,
  { name: topic }: Topic,
  { run, count }: { run: string; count: number },
): Promise<Delivery[]> {
  const dueAt = Date.now() - 1;
  const ids = await insertRequests(pool, run, count, new Date(dueAt));
  await settleDatabase(pool);
  await pool.query('vacuum analyze postdate.delivery');
  return ids.map((key) => ({ message: { v: 1, topic, tenant: run, key, cycle: 1, dueAt, payload: {} }, late: false }));
}
