import type { Client } from '@temporalio/client';
import { insertRequest } from '../harness/application';
import { type EffectCounts, readEffects } from '../harness/commit-times';
import type { BenchContext } from '../harness/context';
import { type CpuSeconds, meter, per1000 } from '../harness/cpu';
import { drained } from '../harness/drained';
import { type Percentiles, percentilesOf } from '../harness/lateness';
import { NAMESPACE } from '../harness/namespace';
import { nowMs, openLoop } from '../harness/open-loop';
import { countOpenWorkflows } from '../harness/temporal-tables';
import { type Backlog, readBacklog } from './backlog';
import { sampleEvery } from './sample-every';
import type { Shape } from './shapes';
import { type PerMessage, readWork, workPerMessage } from './work';

/** All are posted this long before they are due, so what is due is spread as evenly as what is posted. */
export const DEFAULT_AHEAD_MS = 25_000;
// Retries of an overloaded server come within seconds; a minute without any progress is a standstill.
const STANDSTILL_MS = 60_000;

export interface Flow extends EffectCounts {
  messages: number;
  wantedPerSecond: number;
  inPerSecond: number;
  outPerSecond: number;
  startMs: Percentiles;
  latenessMs: Percentiles;
  /** p99 of those due in the first and in the last third: far apart, it does not keep up. */
  latenessThirdsMs: { first: number; last: number };
  backlog: { overdueMax: number; unclosedMax: number; unclosedAtHalf: number; unclosedAtEnd: number };
  /** From the last due time to the end of the last workflow. */
  closedAfterSeconds: number;
  unclosed: number;
  cpuSecondsPer1000: CpuSeconds;
  perMessage: PerMessage;
}

interface RateOfFlow {
  run: string;
  perSecond: number;
  seconds: number;
  /** How long before its due time each message is posted. */
  aheadMs: number;
}

/** Posts at a fixed rate for so long, waits until everything has happened and ended, and says what it came to. */
export async function measureFlow(
  { cluster, database }: BenchContext,
  { client, shape, workerPids }: { client: Client; shape: Pick<Shape, 'post' | 'events'>; workerPids: number[] },
  { run, perSecond, seconds, aheadMs }: RateOfFlow,
): Promise<Flow> {
  const { pool } = database;
  const temporalDatabase = cluster.temporalDatabases.main;
  const count = perSecond * seconds;
  const before = await readWork(cluster.metricsUrl);
  const used = meter({ server: cluster.pid, worker: workerPids, database: cluster.postgresPid });
  const backlog = sampleEvery(2_000, () => readBacklog(pool, temporalDatabase, run));

  const startMs: number[] = [];
  let lastDueAt = 0;
  const startedAt = nowMs();
  const posting = openLoop({ perSecond, count }, async (index, intendedAt) => {
    const message = {
      run,
      id: `${run}.${String(index).padStart(6, '0')}`,
      dueAt: Math.round(intendedAt + aheadMs),
    };
    lastDueAt = Math.max(lastDueAt, message.dueAt);
    // The business row first, the timer second, as service A does.
    await insertRequest(pool, message);
    const calledAt = nowMs();
    await shape.post({ client, pool }, message);
    startMs.push(nowMs() - calledAt);
  });
  await posting.finished();
  const postingSeconds = (nowMs() - startedAt) / 1_000;
  const seen = await backlog.stop();

  // A workflow ends after its effect, so when the last has ended everything is there.
  const unclosed = await drained(() => countOpenWorkflows(temporalDatabase, NAMESPACE), STANDSTILL_MS);
  const closedAfterSeconds = Math.max(0, nowMs() - lastDueAt) / 1_000;
  const cpu = used.read();
  const effects = await readEffects(pool, run, shape.events);
  const course = await readCourse(pool, run);
  return {
    messages: count,
    effects: effects.effects,
    early: effects.early,
    repeated: effects.repeated,
    events: effects.events,
    wantedPerSecond: perSecond,
    inPerSecond: tenth(count / postingSeconds),
    outPerSecond: tenth(course.perSecond),
    startMs: percentilesOf(startMs),
    latenessMs: percentilesOf(effects.latenessMs),
    latenessThirdsMs: course.thirdsMs,
    backlog: summed(seen),
    closedAfterSeconds: tenth(closedAfterSeconds),
    unclosed,
    cpuSecondsPer1000: per1000(cpu, count),
    perMessage: workPerMessage(before, await readWork(cluster.metricsUrl), count),
  };
}

const tenth = (value: number) => Math.round(value * 10) / 10;

function summed(seen: Backlog[]): Flow['backlog'] {
  const unclosed = seen.map((one) => one.unclosed);
  return {
    overdueMax: Math.max(0, ...seen.map((one) => one.overdue)),
    unclosedMax: Math.max(0, ...unclosed),
    unclosedAtHalf: unclosed[Math.floor(unclosed.length / 2)] ?? 0,
    unclosedAtEnd: unclosed.at(-1) ?? 0,
  };
}

/** How fast the effects came, and how late in the first and in the last third of the due times. */
async function readCourse(pool: BenchContext['database']['pool'], run: string) {
  const { rows } = await pool.query<{ due: number; committed: number }>(
    `select extract(epoch from due_at)::float8 as due, extract(epoch from pg_xact_commit_timestamp(xmin))::float8 as committed
       from app.request where run = $1 and status = 'EXPIRED' order by due_at`,
    [run],
  );
  const third = Math.ceil(rows.length / 3);
  const p99 = (part: typeof rows) => percentilesOf(part.map(({ due, committed }) => (committed - due) * 1_000)).p99;
  const commits = rows.map(({ committed }) => committed);
  // Reduce, not spread: tens of thousands of arguments are more than a call may have.
  const [first, last] = commits.reduce(([low, high], at) => [Math.min(low, at), Math.max(high, at)], [Infinity, 0]);
  return {
    perSecond: (rows.length - 1) / (last - first),
    thirdsMs: { first: p99(rows.slice(0, third)), last: p99(rows.slice(-third)) },
  };
}
