import { setTimeout as pause } from 'node:timers/promises';
import { createApplication } from '../harness/application';
import type { BenchArgs, BenchContext } from '../harness/context';
import { type IdlePerSecond, meter } from '../harness/cpu';
import { curveOf, percentilesOf } from '../harness/lateness';
import { describeVersions } from '../harness/machine';
import {
  cachedWorkflowsOf,
  chosen,
  concurrencyOf,
  leadOf,
  notesOf,
  postingWindowOf,
  quietMsOf,
  sizesOf,
} from './choice';
import type { Contender } from './contender';
import { findRedis, redisVersion } from './redis';
import { chartOf, printTables } from './report';
import { type Finished, takeTurn } from './turn';

export { check, options } from './choice';

/** N messages due at one instant, one contender after the other, each with the same effect. */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { pool } = bench.database;
  await createApplication(pool);
  const { taking, leftOut } = await findMissing(chosen(args), bench);
  const quietMs = quietMsOf(args);
  const idlePerSecond = await measureIdle(bench, quietMs);
  const sizes = sizesOf(args);
  const leadMs = leadOf(args);
  const windowMs = postingWindowOf(args);
  const cachedWorkflows = cachedWorkflowsOf(args);
  const shared = { windowMs, concurrency: concurrencyOf(args), cachedWorkflows, quietMs, idlePerSecond };
  const notes = notesOf(sizes, windowMs);

  const finished: Finished[] = [];
  for (const [index, contender] of taking.entries()) {
    const messages = sizes[contender.size];
    bench.log(`${index + 1} of ${taking.length}: ${contender.title}, ${messages} messages`);
    const turn = { ...shared, contender, messages, leadMs: contender.wantsLead ? leadMs : 0 };
    finished.push({ contender, messages, figures: await takeTurn(bench, turn) });
  }

  await bench.out.json({
    versions: await versionsOf(bench, taking),
    leadMs,
    postingWindowMs: windowMs ?? null,
    cachedWorkflows: cachedWorkflows ?? 'default',
    notes,
    idleCpuPerSecond: idlePerSecond,
    leftOut,
    contenders: finished.map(({ contender, messages, figures: { samplesMs, ...figures } }) => ({
      name: contender.name,
      title: contender.title,
      messages,
      ...figures,
      latenessMs: percentilesOf(samplesMs),
      latenessCurveMs: curveOf(samplesMs),
    })),
  });
  await bench.out.chart(chartOf(finished));
  printTables(bench.out, finished);
  for (const line of notes) bench.log(line);
  for (const { name, reason } of leftOut) bench.log(`left out: ${name}: ${reason}`);
}

async function findMissing(contenders: Contender[], { log }: BenchContext) {
  const leftOut: { name: string; reason: string }[] = [];
  const taking: Contender[] = [];
  for (const contender of contenders) {
    const reason = await contender.missing?.(log);
    if (reason === undefined) taking.push(contender);
    else leftOut.push({ name: contender.name, reason });
  }
  return { taking, leftOut };
}

/** What the servers use when nothing is asked of them, so that a contender is not charged for having waited. */
async function measureIdle({ cluster }: BenchContext, quietMs: number): Promise<IdlePerSecond> {
  const meters = meter({ server: cluster.pid, database: cluster.postgresPid });
  // Long enough for the server's own timers, of which the slowest regular ones come every few seconds.
  await pause(3 * quietMs);
  const { seconds, elapsedSeconds } = meters.read();
  const each = (used: number) => Math.round((used / elapsedSeconds) * 1000) / 1000;
  return { server: each(seconds.server), database: each(seconds.database) };
}

async function versionsOf({ database, cluster, log }: BenchContext, contenders: Contender[]) {
  const packages = [...new Set(contenders.flatMap((one) => one.packages))];
  const versions = await describeVersions(database.pool, cluster.address, packages);
  if (!packages.includes('bullmq')) return versions;
  return { ...versions, redis: await redisVersion(await findRedis(log)) };
}
