import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { countExpired } from '../harness/application';
import { type EffectCounts, readEffects } from '../harness/commit-times';
import type { BenchContext } from '../harness/context';
import { drained } from '../harness/drained';
import { type Percentiles, percentilesOf } from '../harness/lateness';
import { NAMESPACE } from '../harness/namespace';
import { meterCores } from '../harness/shares';
import { countOpenWorkflows } from '../harness/temporal-tables';
import { countLandings, type DatabaseWork, readWork } from './database-work';
import { type Burst, type HeldBurst, holdBurst } from './hold-burst';
import type { Installation } from './installation';
import { type PartSeconds, partsOf, perThousand } from './parts';

/** What landing a burst flat out came to. */
export interface Landing extends Omit<HeldBurst, 'dueAt'>, EffectCounts {
  messages: number;
  latenessMs: Percentiles;
  /** The messages by the time from the due instant to the last effect. */
  landingsPerSecond: number;
  /** The landings' own transactions in that time. */
  landingCommits: number;
  landingCommitsPerSecond: number;
  /** All commits of the database for the burst, by its own counter: landings, relay, records of the hold. */
  commits: number;
  walBytesPerMessage: number;
  /** From the due instant to the last effect, and the look that has found it. */
  cpuSecondsPer1000: PartSeconds;
}

const LOOK_MS = 100;
const STANDSTILL_MS = 60_000;
const ROUNDS = 3;
// The tenants of a run begin with its name.
const EVENTS = `
  select aggregateid as id from postdate.outbox where aggregateid like $1 || '%'`;

/** Has a burst held, lands it flat out, and waits until its workflows have ended. `quietMs`: before and after, nothing else. */
export async function landBurst(
  bench: BenchContext,
  client: Client,
  burst: Burst,
  { name, quietMs }: { name: string; quietMs: number },
): Promise<Landing> {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const run = `${name}-${round}`;
    const held = await holdBurst(client, burst, { run, quietMs });
    if (held) return land(bench, burst, { run, quietMs, held });
    bench.log(`${name}: not all messages were held before they were due; once more`);
  }
  throw new Error(`${name}: in ${ROUNDS} rounds not all messages were held before they were due`);
}

async function land(
  { cluster, log }: BenchContext,
  { messages, installations }: Burst,
  { run, quietMs, held: { dueAt, ...held } }: { run: string; quietMs: number; held: HeldBurst },
): Promise<Landing> {
  const pools = installations.map(({ database }) => database.pool);
  const work = () => Promise.all(pools.map(readWork)).then(summed);
  await pause(Math.max(0, dueAt - quietMs - 2 * LOOK_MS - Date.now()));
  const idleFrom = await work();
  await pause(quietMs);
  const before = await work();
  const beforeAt = performance.now();
  const idleCommitsPerMs = (before.commits - idleFrom.commits) / quietMs;
  const used = meterCores(partsOf(cluster, installations));
  let looks = 0;
  const left = async () => {
    looks += pools.length;
    return messages - sum(await Promise.all(pools.map((pool) => countExpired(pool, run))));
  };
  const lost = await drained(left, STANDSTILL_MS, LOOK_MS);
  const { cores, elapsedSeconds } = used.read();
  const walBytes = (await work()).walBytes - before.walBytes;
  // By then the sessions that have landed have told their commits.
  await pause(quietMs);
  const commitsSince = (await work()).commits - before.commits;
  const commits = commitsSince - idleCommitsPerMs * (performance.now() - beforeAt) - looks;

  const read = await Promise.all(pools.map((pool) => readEffects(pool, run, EVENTS)));
  const latenessMs = read.flatMap((one) => one.latenessMs);
  const landingCommits = sum(await Promise.all(pools.map((pool) => countLandings(pool, run))));
  const lastAfterSeconds = latenessMs.reduce((last, ms) => Math.max(last, ms), 0) / 1_000;
  const unclosed = await drained(() => countOpenWorkflows(cluster.temporalDatabases.main, NAMESPACE), STANDSTILL_MS);
  if (lost > 0) log(`${run}: ${lost} messages had no effect`);
  if (unclosed > 0) log(`${run}: ${unclosed} workflows had not ended`);
  const of = (figure: 'effects' | 'events' | 'repeated' | 'early') => sum(read.map((one) => one[figure]));
  return {
    messages,
    ...{ effects: of('effects'), events: of('events'), repeated: of('repeated'), early: of('early') },
    latenessMs: percentilesOf(latenessMs),
    ...held,
    postedPerSecond: Math.round(held.postedPerSecond * 10) / 10,
    landingsPerSecond: Math.round(messages / lastAfterSeconds),
    landingCommits,
    landingCommitsPerSecond: Math.round(landingCommits / lastAfterSeconds),
    commits: Math.max(0, Math.round(commits)),
    walBytesPerMessage: Math.round(walBytes / messages),
    cpuSecondsPer1000: perThousand(cores, elapsedSeconds, messages),
  };
}

const sum = (values: number[]) => values.reduce((all, value) => all + value, 0);

const summed = (all: DatabaseWork[]): DatabaseWork => ({
  commits: sum(all.map(({ commits }) => commits)),
  walBytes: sum(all.map(({ walBytes }) => walBytes)),
});

/** Of whom the messages of an ordinary burst are: one tenant, of one installation. */
export const inOne = (installation: Installation, messages: number): Burst => ({
  messages,
  installations: [installation],
  tenantOf: (run) => run,
  installationOf: () => installation,
});
