import type { CpuSeconds } from '../harness/cpu';

/** What the run has measured and the extrapolation goes by. */
export interface Measured {
  bytesPerMessage: number;
  /** The whole life of a message: post, sleep, wake, landing, end. */
  cpuSecondsPer1000: CpuSeconds;
  transitionsPerMessage: number;
  /** One write of a workflow's state, as the server measures it. */
  writeMs: number;
}

// A product whose messages wait for a month on average, with all that is due on a day due at one instant, and a lead of
// four hours. Other figures go into the same formulas.
export const ASSUMPTIONS = {
  averageWaitDays: 30,
  leadHours: 4,
  /** Wakes spread over the lead without its guard of a fifth. */
  wakingShareOfLead: 0.8,
  heldPerWorker: 10_000,
  /** A shard writes one state at a time; at a tenth of its time a write rarely waits for another. */
  shardUtilisation: 0.1,
  shardsAtLeast: 512,
  /** Cores are planned to be half busy. */
  coreUtilisation: 0.5,
};

export const FORMULAS = {
  postgresBytes: 'pending × bytes per message',
  dueAtOneInstant: 'pending / average wait in days',
  wakesPerSecond: 'due at one instant / (lead in seconds × 0.8)',
  shards:
    'next power of two of max(512, wakes per second × transitions per message × seconds per write / 0.1); fixed when the cluster is created',
  cores: 'wakes per second × CPU seconds per message / 0.5, each for server, workers and PostgreSQL',
  workers: 'max(worker cores, due at one instant / messages held per worker)',
};

/** Promises what so many waiting messages need, by the formulas. */
export function extrapolate(pending: number, measured: Measured) {
  const { averageWaitDays, leadHours, wakingShareOfLead, heldPerWorker } = ASSUMPTIONS;
  const { shardUtilisation, shardsAtLeast, coreUtilisation } = ASSUMPTIONS;
  const dueAtOneInstant = pending / averageWaitDays;
  const wakesPerSecond = dueAtOneInstant / (leadHours * 3_600 * wakingShareOfLead);
  const cores = (per1000: number) => Math.ceil((wakesPerSecond * per1000) / 1_000 / coreUtilisation);
  const busyShards = wakesPerSecond * measured.transitionsPerMessage * (measured.writeMs / 1_000);
  const { server, worker, database } = measured.cpuSecondsPer1000;
  return {
    pending,
    postgresBytes: Math.round(pending * measured.bytesPerMessage),
    dueAtOneInstant: Math.round(dueAtOneInstant),
    wakesPerSecond: Math.round(wakesPerSecond * 10) / 10,
    shards: 2 ** Math.ceil(Math.log2(Math.max(shardsAtLeast, busyShards / shardUtilisation))),
    serverCores: cores(server),
    postgresCores: cores(database),
    workers: Math.max(cores(worker), Math.ceil(dueAtOneInstant / heldPerWorker)),
  };
}

/** The same in a sentence. */
export function inWords(needs: ReturnType<typeof extrapolate>): string {
  const whole = (value: number) => value.toLocaleString('en');
  return (
    `${whole(needs.pending)} waiting: ${whole(Math.round(needs.postgresBytes / 1e9))} GB in PostgreSQL; ` +
    `if ${whole(needs.dueAtOneInstant)} of them are due at one instant, with a lead of ${ASSUMPTIONS.leadHours} h: ` +
    `${needs.wakesPerSecond} wakes a second, ${whole(needs.shards)} shards, ${needs.serverCores} cores for the ` +
    `Temporal server, ${needs.postgresCores} for PostgreSQL, ${needs.workers} workers`
  );
}
