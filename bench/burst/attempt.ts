import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { countExpired, insertRequests, settleDatabase } from '../harness/application';
import { closedLoop } from '../harness/closed-loop';
import { readEffects } from '../harness/commit-times';
import type { BenchContext } from '../harness/context';
import { type IdlePerSecond, meter, per1000 } from '../harness/cpu';
import { drained } from '../harness/drained';
import { peakMbOf, resetPeak } from '../harness/peak-memory';
import type { Attempt, Contender, Started } from './contender';

interface Turn {
  contender: Contender;
  messages: number;
  leadMs: number;
  /** How long nothing happens before it. */
  quietMs: number;
  idlePerSecond: IdlePerSecond;
}

// As many as a busy producer has under way; more only wait in the server.
const POSTING_CONCURRENCY = 50;
// For the rows, a vacuum and a checkpoint, which come between the choice of the due time and the first post.
const SETTLING_MS = 8_000;
// Time between the last post and the due time, or the lead: work left over from posting is done by then.
const MARGIN_MS = 3_000;
// Each gives twice the time of the one before; what does not fit into the last has another problem.
const ROUNDS = 4;
// Without a single further effect for so long, a contender has stopped: longer than any of their time-outs and retries.
const PATIENCE_MS = 3 * 60_000;

/** Runs one contender's turn. If its posting takes too long, the turn is repeated with a later due time. */
export async function takeTurn(bench: BenchContext, turn: Turn) {
  const { contender, messages } = turn;
  const guessedMs = SETTLING_MS + (messages / contender.postsPerSecond) * 1000 + MARGIN_MS;
  for (let round = 0; round < ROUNDS; round += 1) {
    await pause(turn.quietMs);
    const run = `${contender.name}-${randomBytes(3).toString('hex')}`;
    const started = await contender.start({ bench, run, messages, leadMs: turn.leadMs });
    let stopped: Promise<unknown> | undefined;
    const stop = () => (stopped ??= started.stop());
    bench.onStop(stop);
    try {
      const figures = await attempt({ bench, run, ...turn }, started, guessedMs * 2 ** round);
      if (figures) return figures;
      bench.log(`${contender.name}: posting was not over in time; once more, with a later due time`);
    } finally {
      await stop();
    }
  }
  throw new Error(`${contender.name}: posting ${messages} messages was not over in time in ${ROUNDS} rounds`);
}

type Figures = Awaited<ReturnType<typeof takeTurn>>;

export interface Finished {
  contender: Contender;
  messages: number;
  figures: Figures;
}

async function attempt(
  { bench, run, contender, messages, leadMs, idlePerSecond }: Attempt & Turn,
  started: Started,
  postingMs: number,
) {
  const { pool } = bench.database;
  // A whole second, which is as exact as a schedule's calendar can say it.
  const dueAt = Math.ceil((Date.now() + postingMs + leadMs) / 1000) * 1000;
  const ids = await insertRequests(pool, run, messages, new Date(dueAt));
  await settleDatabase(pool);

  const workers = [started.parts.worker ?? []].flat();
  resetPeak(workers);
  const cpu = meter(started.parts);
  const posting = await post(started, ids, dueAt);
  const inTime = Date.now() <= dueAt - leadMs - 1_000;
  await pause(Math.max(0, dueAt - Date.now()));
  const lost = await drained(async () => messages - (await countExpired(pool, run)), PATIENCE_MS);
  const held = await drained(started.left, PATIENCE_MS);
  const reading = cpu.read();
  const workerPeakMb = peakMbOf(workers);
  if (!inTime) return undefined;

  const { latenessMs, ...effects } = await readEffects(pool, run, contender.events);
  if (lost > 0) bench.log(`${contender.name}: ${lost} messages had no effect within ${PATIENCE_MS / 1000} s`);
  if (held > 0) bench.log(`${contender.name}: ${held} messages stay in its own system`);
  return {
    ...effects,
    lost,
    held,
    workerPeakMb,
    samplesMs: latenessMs,
    schedulesPerSecond: posting ? Math.round(posting.perSecond) : null,
    drainMs: Math.round(Math.max(0, ...latenessMs)),
    lifeSeconds: reading.elapsedSeconds,
    cpuSeconds: reading.seconds,
    // The idle figures are Temporal's. A contender with another server, or none, is measured as it is.
    cpuSecondsPer1000: per1000(reading, messages, {
      ...idlePerSecond,
      server: started.parts.server === bench.cluster.pid ? idlePerSecond.server : 0,
    }),
  };
}

async function post({ post: postOne, arm }: Started, ids: string[], dueAt: number) {
  await arm?.(dueAt);
  if (!postOne) return undefined;
  return closedLoop({ count: ids.length, concurrency: POSTING_CONCURRENCY }, (index) =>
    postOne({ id: ids[index] as string, dueAt }),
  );
}
