import type { BenchContext } from '../harness/context';
import type { Cores, Parts } from '../harness/shares';
import type { Installation } from './installation';

/** The parts whose work is told apart. A bigger installation has each on machines of its own. */
export const PARTS = ['server', 'temporalDatabase', 'database', 'workers'] as const;

export type Part = (typeof PARTS)[number];

/** CPU seconds of each part, for 1,000 messages. */
export type PartSeconds = Record<Part, number>;

/** The processes of each part. The databases and workers of several installations count as one part each. */
export const partsOf = (
  cluster: BenchContext['cluster'],
  installations: Installation[],
): Parts & Record<Part, number[]> => ({
  server: [cluster.pid],
  temporalDatabase: [cluster.postgresPid],
  database: installations.map(({ database }) => database.pid),
  workers: installations.flatMap(({ workers }) => workers.map(({ pid }) => pid)),
});

/** What 1,000 messages cost each part, that kept so many cores busy for so long. */
export function perThousand(cores: Cores, elapsedSeconds: number, messages: number): PartSeconds {
  const each = PARTS.map((part) => [part, hundredths((((cores[part] ?? 0) * elapsedSeconds) / messages) * 1_000)]);
  return Object.fromEntries(each) as PartSeconds;
}

// The kernel counts in hundredths.
const hundredths = (seconds: number) => Math.round(seconds * 100) / 100;
