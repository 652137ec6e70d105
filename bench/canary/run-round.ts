import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { BenchContext } from '../harness/context';
import { drained } from '../harness/drained';
import { type Change, changesOf, laneControlsOf, limitsFor, rulesFor } from './lane-controls';
import { messagesOf, postAndHold } from './posting';
import { decidedOf, stoppedByGuard } from './round-records';
import type { RoundRun } from './round-run';
import { type CanaryRound, TENANTS } from './rounds';
import { type CanaryWorker, startCanary } from './workers';

export interface Stage {
  bench: BenchContext;
  client: Client;
  leadMs: number;
  messages: number;
  /** How many messages were posted and held a second in the round before. */
  heldPerSecond: number;
  /** How many workflows have not ended, of those that can. */
  open(): Promise<number>;
}

// Posting may be slower than in the round before.
const RESERVE = 1.1;
// Time between the last held message and the due time, for a vacuum, a checkpoint, and for the machine to become quiet.
const SETTLING_MS = 5_000;
// Each try has twice the time for posting of the one before. If four are not enough, something else is wrong.
const TRIES = 4;
// The benchmark does not query the database while the burst lands.
const LANDING_MS = 1_000;
// If no further message lands for so long, landing has stopped. Any fallback takes less.
const STANDSTILL_MS = 60_000;
// Workflows of a burst that still end do so many times a second.
const ENDING_MS = 3_000;
// The lane guard looks every second.
const GUARD_MS = 15_000;

/**
 * Runs one round, from its canary's start until its messages have landed. A round whose messages were not held in time
 * is run again.
 */
export async function runRound(stage: Stage, round: CanaryRound, repetition: number): Promise<RoundRun> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const lane = [round.id, ...(round.repeated ? [repetition] : []), ...(tries > 1 ? [`try${tries}`] : [])].join('-');
    const canary = await startCanary(stage, round, lane);
    const change = changesOf(stage.bench.database.pool, round, lane);
    const attempted = await attempt(stage, { round, lane, canary, change, patience: 2 ** (tries - 1) });
    await change('stop', { mode: 'stopped', rules: [] });
    await drained(stage.open, ENDING_MS);
    await canary.stop();
    if (attempted) return { round, repetition, tries, lane, ...attempted };
    stage.bench.log(`${round.title}: not everything was held in time; once more, with a later due time`);
  }
  throw new Error(`${round.title}: ${stage.messages} messages were not held in time in ${TRIES} tries`);
}

interface Attempt {
  round: CanaryRound;
  lane: string;
  canary: CanaryWorker;
  change: Change;
  patience: number;
}

async function attempt(stage: Stage, { round, lane, canary, change, patience }: Attempt) {
  const { messages, client, leadMs, bench } = stage;
  const { pool } = bench.database;
  const chosen = TENANTS.slice(0, round.tenants);
  const tenants = round.ruled ? chosen : [];
  await change('set', { mode: 'live', rules: rulesFor(tenants), limits: limitsFor(messages, round) });

  const prefix = `${lane}.`;
  const posted = messagesOf(prefix, messages);
  const { beforeDueMs = 0 } = round.intervene ?? {};
  const postingMs = (messages / stage.heldPerSecond) * 1_000 * RESERVE * patience;
  const dueAt = Math.ceil(Date.now() + postingMs + SETTLING_MS + beforeDueMs);
  const burst = { posted, prefix, dueAt };
  const heldPerSecond = await postAndHold({ client, pool, leadMs }, burst, { lane, tenants });
  const inTime = Date.now() < dueAt - SETTLING_MS / 2 - beforeDueMs;
  if (heldPerSecond === undefined || !inTime) {
    await landed(pool, { prefix, messages, dueAt });
    return undefined;
  }
  await settle(pool);
  await until(dueAt - beforeDueMs);
  const changeId = await round.intervene?.with(laneControlsOf(pool, { lane, chosen, kill: canary.kill, change }));
  await landed(pool, { prefix, messages, dueAt });
  if (round.guarded) await drained(async () => ((await stoppedByGuard(pool, lane)) ? 0 : 1), GUARD_MS);
  return { prefix, dueAt, posted, chosen, met: await canary.met(), changeId, heldPerSecond };
}

/** Waits until all have landed, or until landing has stopped. The checks tell which. */
async function landed(
  pool: Pool,
  { prefix, messages, dueAt }: { prefix: string; messages: number; dueAt: number },
): Promise<void> {
  await until(dueAt + LANDING_MS);
  await drained(async () => messages - (await decidedOf(pool, prefix)), STANDSTILL_MS);
}

/** Promises that no checkpoint, vacuum or missing statistics of an earlier round falls into this one's burst. */
async function settle(pool: Pool): Promise<void> {
  for (const table of ['app.effect', 'postdate.delivery', 'postdate.held', 'postdate.outbox']) {
    await pool.query(`vacuum analyze ${table}`);
  }
  await pool.query('checkpoint');
}

const until = (at: number) => pause(Math.max(0, at - Date.now()));
