import { setTimeout as pause } from 'node:timers/promises';
import { countExpired, settleDatabase } from '../harness/application';
import { readEffects, readLateness } from '../harness/commit-times';
import type { BenchContext } from '../harness/context';
import { type IdlePerSecond, meter, per1000 } from '../harness/cpu';
import { drained } from '../harness/drained';
import { peakKbOf, resetPeak, residentKbOf } from '../harness/peak-memory';
import type { Contender, Started } from './contender';
import { byTimeOfPost, type Posting, postAhead, postInWindow } from './posting';

/** What one contender is given to do. */
export interface Turn {
  contender: Contender;
  messages: number;
  leadMs: number;
  /** All messages are posted evenly in so long before they are due. Undefined: long before, as fast as they are taken. */
  windowMs?: number;
  /** How many posts are under way at a time, without a window. */
  concurrency: number;
  /** For contenders of ours: how many workflows a worker caches. Undefined: its default. */
  cachedWorkflows?: number;
  /** How long nothing happens before it. */
  quietMs: number;
  idlePerSecond: IdlePerSecond;
}

export type Outcome = Awaited<ReturnType<typeof attempt>>;

/** For the rows, a vacuum and a checkpoint, which come between the choice of the due time and the first post: 8 s for 5,000. */
export const settlingMsOf = (messages: number): number => 3_000 + messages;
// Without a single further effect for so long, a contender has stopped: longer than any of their time-outs and retries.
const PATIENCE_MS = 3 * 60_000;
// And longer where very many stand before one table or one server.
const PATIENCE_PER_MESSAGE_MS = 10;
const HELD_BEFORE_MS = 1_000;

/** Plays one burst with a contender that has been started, and says what came of it. */
export async function attempt(
  {
    bench,
    run,
    contender,
    messages,
    leadMs,
    windowMs,
    concurrency,
    idlePerSecond,
  }: Turn & {
    bench: BenchContext;
    run: string;
  },
  started: Started,
  postingMs: number,
) {
  const { pool } = bench.database;
  const patienceMs = Math.max(PATIENCE_MS, messages * PATIENCE_PER_MESSAGE_MS);
  const aheadMs = windowMs === undefined ? postingMs + leadMs : settlingMsOf(messages) + windowMs;
  // A whole second, which is as exact as a schedule's calendar can say it.
  const dueAt = Math.ceil((Date.now() + aheadMs) / 1000) * 1000;
  const workers = [started.parts.worker ?? []].flat();
  const wanted = { pool, run, messages, dueAt, concurrency };
  const ready = () => {
    resetPeak(workers);
    return { cpu: meter(started.parts), residentKb: residentKbOf(workers) };
  };

  // All messages that can be held are, and none has landed.
  const heldKb = pause(Math.max(0, dueAt - HELD_BEFORE_MS - Date.now())).then(() => peakKbOf(workers));
  // It is awaited below, unless posting fails before.
  heldKb.catch(() => undefined);
  let before: ReturnType<typeof ready> | undefined;
  let posting: Posting;
  if (windowMs === undefined) posting = await postAhead(started, wanted, () => (before = ready()));
  else {
    await settleDatabase(pool);
    before = ready();
    posting = await postInWindow(started, { ...wanted, windowMs });
  }
  const isInTime = windowMs !== undefined || Date.now() <= dueAt - leadMs - 1_000;
  await pause(Math.max(0, dueAt - Date.now()));
  const lost = await drained(async () => messages - (await countExpired(pool, run)), patienceMs);
  const landedMs = Date.now() - dueAt;
  bench.log(
    `${contender.name}: ${messages - lost} effects ${Math.round(landedMs / 1_000)} s after due; its own system goes on`,
  );
  const held = await drained(started.left, patienceMs);
  const tailSeconds = Math.round((Date.now() - dueAt) / 1_000);
  if (!isInTime) return { inTime: false as const, postingMs: posting.tookMs };
  const { cpu, residentKb } = before as ReturnType<typeof ready>;
  const reading = cpu.read();
  const peakKb = peakKbOf(workers);

  const { latenessMs, ...effects } = await readEffects(pool, run, contender.events);
  if (lost > 0) bench.log(`${contender.name}: ${lost} messages had no effect within ${patienceMs / 1000} s`);
  if (held > 0) bench.log(`${contender.name}: ${held} messages stay in its own system`);
  const { postedAt, postMs } = posting;
  return {
    inTime: true as const,
    ...effects,
    lost,
    held,
    workerPeakMb: Math.round(peakKb / 1024),
    workerBeforeMb: Math.round(residentKb / 1024),
    // Of contenders that hold messages in memory. For others it says nothing.
    kbPerHeldMessage: contender.wantsLead ? Math.round((((await heldKb) - residentKb) / messages) * 10) / 10 : null,
    samplesMs: latenessMs,
    ...(postedAt && {
      window: { ms: windowMs, postMs, ...byTimeOfPost(await readLateness(pool, run), postedAt, dueAt) },
    }),
    schedulesPerSecond: posting.perSecond === undefined ? null : Math.round(posting.perSecond),
    // From the due instant until nothing of the messages is left in its own system.
    tailSeconds,
    drainMs: Math.round(latenessMs.reduce((most, ms) => Math.max(most, ms), 0)),
    lifeSeconds: reading.elapsedSeconds,
    cpuSeconds: reading.seconds,
    // The idle figures are Temporal's. A contender with another server, or none, is measured as it is.
    cpuSecondsPer1000: per1000(reading, messages, {
      ...idlePerSecond,
      server: started.parts.server === bench.cluster.pid ? idlePerSecond.server : 0,
    }),
  };
}
