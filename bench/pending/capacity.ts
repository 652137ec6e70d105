import { ASSUMPTIONS, extrapolate, type Measured } from './extrapolation';

/** What the other benchmarks have measured and capacity goes by as well. */
export interface Costs extends Measured {
  /** One more held message costs a worker so much memory, and the first none costs it this. */
  heldBytes: number;
  workerBytes: number;
  /** What workers on one database land at one instant. */
  landedPerSecond: number;
}

// As configured, not measured: a Temporal server's two pools, a worker's pool and its LISTEN, an API's pool.
export const CONNECTIONS = { temporalServer: 50, worker: 21, api: 10 };
// As src/process/config.ts has it: the cache is full, at its default.
const CACHE_BYTES = 2_000 * 59_000;
// One that is released or dies must not be the only one.
const REDUNDANT = 2;
const DEFAULT_LEAD_SECONDS = 10;
const SECONDS_A_DAY = 86_400;

/** What so many waiting messages need when what is due on a day comes evenly over it, with the default lead. */
export function evenly(pending: number, costs: Costs) {
  const perSecond = pending / ASSUMPTIONS.averageWaitDays / SECONDS_A_DAY;
  const coresFor = (per1000: number) =>
    Math.max(1, Math.ceil((perSecond * per1000) / 1_000 / ASSUMPTIONS.coreUtilisation));
  const { server, database, worker } = costs.cpuSecondsPer1000;
  const workers = Math.max(REDUNDANT, coresFor(worker));
  return {
    pending,
    diskBytes: pending * costs.bytesPerMessage,
    perSecond,
    held: perSecond * DEFAULT_LEAD_SECONDS,
    serverCores: coresFor(server),
    postgresCores: coresFor(database),
    workers,
    shards: extrapolate(pending, costs).shards,
    connections: { temporal: REDUNDANT * CONNECTIONS.temporalServer, application: applicationConnections(workers) },
  };
}

/** The same when all that is due on a day is due at one instant, with a lead of four hours and so many held by a worker. */
export function atOneInstant(pending: number, costs: Costs, heldPerWorker: number) {
  const { dueAtOneInstant, wakesPerSecond, serverCores, postgresCores, shards } = extrapolate(pending, costs);
  const cores = (wakesPerSecond * costs.cpuSecondsPer1000.worker) / 1_000 / ASSUMPTIONS.coreUtilisation;
  const workers = Math.max(REDUNDANT, Math.ceil(cores), Math.ceil(dueAtOneInstant / heldPerWorker));
  return {
    pending,
    dueAtOneInstant,
    wakesPerSecond,
    serverCores,
    postgresCores,
    shards,
    workers,
    workerBytes: costs.workerBytes + CACHE_BYTES + Math.min(heldPerWorker, dueAtOneInstant / workers) * costs.heldBytes,
    landedAfterSeconds: dueAtOneInstant / costs.landedPerSecond,
    connections: applicationConnections(workers),
  };
}

const applicationConnections = (workers: number) => workers * CONNECTIONS.worker + REDUNDANT * CONNECTIONS.api;

const PENDINGS = [1_000_000, 10_000_000, 100_000_000];
const million = (count: number) => `${count / 1e6} million`;
const size = (bytes: number) => (bytes >= 1e12 ? `${(bytes / 1e12).toFixed(1)} TB` : `${Math.round(bytes / 1e9)} GB`);
const few = (value: number) => (value < 10 ? Number(value.toFixed(1)) : Math.round(value)).toLocaleString('en');
const seconds = (value: number) => (value < 100 ? `${few(value)} s` : `${few(value / 60)} min`);
const row = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;

/** The rows of docs/deploy.md. */
export function capacityRows(costs: Costs): { evenly: string[]; atOneInstant: string[] } {
  return {
    evenly: PENDINGS.map((pending) => {
      const need = evenly(pending, costs);
      return row([
        million(pending),
        size(need.diskBytes),
        few(need.perSecond),
        few(need.held),
        `${need.serverCores} + ${need.postgresCores}`,
        need.workers,
        need.shards,
        `${need.connections.temporal} + ${need.connections.application}`,
      ]);
    }),
    atOneInstant: PENDINGS.flatMap((pending) =>
      [10_000, 100_000].map((heldPerWorker) => {
        const need = atOneInstant(pending, costs, heldPerWorker);
        return row([
          million(pending),
          need.dueAtOneInstant.toLocaleString('en'),
          few(need.wakesPerSecond),
          `${need.serverCores} + ${need.postgresCores}`,
          need.shards,
          `${need.workers} of ${(need.workerBytes / 1e9).toFixed(1)} GB`,
          need.connections.toLocaleString('en'),
          seconds(need.landedAfterSeconds),
        ]);
      }),
    ),
  };
}
