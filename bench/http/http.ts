import { join } from 'node:path';
import { freePort } from '../../local/ports';
import { createApiKey } from '../../src/http/keys';
import { migrate, postdateSchema } from '../../src/platform/database/migrate';
import type { BenchArgs, BenchContext } from '../harness/context';
import { startFleet } from '../harness/fleet';
import { describeVersions } from '../harness/machine';
import { NAMESPACE } from '../harness/namespace';
import { wholeNumber } from '../harness/options';
import type { Round } from '../harness/rounds';
import { meterCores } from '../harness/shares';
import { FORMS, TENANT } from './forms';
import { contendersOf, postsChart, printPosts, section } from './report';

export const options = {
  messages: { type: 'string' },
  rounds: { type: 'string' },
  clients: { type: 'string' },
  concurrency: { type: 'string' },
  batch: { type: 'string' },
} as const;

const sizesOf = (args: BenchArgs) => ({
  messages: wholeNumber(args, 'messages', 4_000),
  rounds: wholeNumber(args, 'rounds', 5),
  clients: wholeNumber(args, 'clients', 4),
  concurrency: wholeNumber(args, 'concurrency', 64),
  batch: wholeNumber(args, 'batch', 100),
});

export const check = (args: BenchArgs) => void sizesOf(args);

const TOPIC = 'bench.http';

/** A burst of posts by several clients at once: over HTTP one by one and in batches, and by the TypeScript client beside it. */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { messages, rounds, clients, concurrency, batch } = sizesOf(args);
  const { cluster, database } = bench;
  await migrate(database.pool, postdateSchema);
  const { key } = await createApiKey(database.pool, { tenant: TENANT, label: 'benchmark' });
  const servers = { TEMPORAL_ADDRESS: cluster.address, TEMPORAL_NAMESPACE: NAMESPACE, BENCH_TOPIC: TOPIC };
  const address = `127.0.0.1:${await freePort()}`;
  const api = await bench.start('api', {
    file: join(__dirname, '..', 'harness', 'http-api.ts'),
    ready: 'http is listening',
    env: {
      ...servers,
      DATABASE_URL: database.url,
      POSTDATE_HTTP_ADDRESS: address,
      // What is measured is what it can do, not what a key may.
      POSTDATE_HTTP_REQUESTS_PER_SECOND: '1000000',
    },
  });
  const fleet = await startFleet(
    bench,
    {
      file: join(__dirname, 'client.ts'),
      env: { ...servers, BENCH_URL: `http://${address}`, BENCH_API_KEY: key, BENCH_BATCH: String(batch) },
    },
    clients,
  );
  const parts = { Temporal: [cluster.pid], PostgreSQL: [cluster.postgresPid], API: [api.pid], clients: fleet.pids };

  const forms = Object.values(FORMS);
  const messagesPerCall = (form: string) => (form === FORMS.batch ? batch : 1);
  // A batch is twenty posts at a time already, so a client has one under way.
  const atATime = (form: string) => (form === FORMS.batch ? clients : concurrency);
  const callsOf = (form: string, of: number) => Math.max(1, Math.ceil(of / messagesPerCall(form)));
  const measured = new Map<string, Round[]>(forms.map((form) => [form, []]));
  // The first calls warm up the servers and all of these processes. They are not counted.
  for (const form of forms) {
    const count = callsOf(form, messages / 10);
    await fleet.run({ form, round: `warm.${forms.indexOf(form)}`, count, concurrency: atATime(form) });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < forms.length; turn += 1) {
      // Each round begins with another form, so that what the server still has to do for the one before hits all alike.
      const form = forms[(round + turn) % forms.length] as string;
      const count = callsOf(form, messages);
      const cores = meterCores(parts);
      const task = { form, round: `${forms.indexOf(form)}.${round}`, count, concurrency: atATime(form) };
      const { seconds, callMs } = await fleet.run(task);
      const perSecond = (count * messagesPerCall(form)) / seconds;
      bench.log(`round ${round + 1}, ${form}: ${perSecond.toFixed(0)} messages a second`);
      measured.get(form)?.push({ perSecond, callMs, cores: cores.read().cores });
    }
  }

  const posted = messages * rounds;
  const contenders = contendersOf(measured, { messages: posted, baseline: FORMS.direct });
  await bench.out.json({
    versions: await describeVersions(database.pool, cluster.address, ['@temporalio/client', 'fastify']),
    clients,
    concurrency,
    batch,
    notes: [
      'No worker runs: this is the rate of posting alone. All messages are due in a year.',
      'Every client is a process; as many calls are under way at a time as concurrency says, over all clients together. A client has one batch under way at a time.',
      'Cores are CPU seconds by seconds, of the process with all below it; the median of the rounds, as every other figure.',
      'toClient: against schedule() of the TypeScript client by the same clients, which has no API between itself and Temporal.',
    ],
    contenders,
  });
  await bench.out.chart(postsChart(contenders, { clients, concurrency, batch }));
  printPosts(bench, contenders);
  bench.log(section(contenders));
}
