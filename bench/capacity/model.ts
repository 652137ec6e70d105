import { PARTS, type Part, type PartSeconds } from './parts';

/** What the figures of this machine are taken to mean for a bigger one. */
export const ASSUMPTIONS = [
  'A message costs each part the same CPU at every rate, on every number of cores and with every number of workers.',
  'Each part has cores of its own, and they are planned to be half busy.',
  'A worker process does its JavaScript on one core: a worker more is a process more.',
  'The application’s PostgreSQL is one primary. Its cores end first where its disk takes the commits; else the disk does.',
];

const UTILISATION = 0.5;
const RATES = [100, 1_000, 10_000];

export interface Model {
  assumptions: string[];
  utilisation: number;
  /** Each part’s share of a message’s CPU, from 0 to 1. */
  shares: Record<Part, number>;
  /** How many messages a second one core of each part carries. */
  perSecondPerCore: Record<Part, number>;
  /** How many cores each part needs. */
  needs: { perSecond: number; cores: Record<Part, number> }[];
  /** The part that needs most cores: where a machine with as many cores for each part ends first. */
  endsFirst: Part;
}

/** Promises where a bigger machine ends, by what 1,000 messages cost each part over their whole life. */
export function modelOf(cpuSecondsPer1000: PartSeconds): Model {
  const all = PARTS.reduce((sum, part) => sum + cpuSecondsPer1000[part], 0);
  const each = (figure: (seconds: number) => number) =>
    Object.fromEntries(PARTS.map((part) => [part, figure(cpuSecondsPer1000[part])])) as Record<Part, number>;
  return {
    assumptions: ASSUMPTIONS,
    utilisation: UTILISATION,
    shares: each((seconds) => Math.round((seconds / all) * 100) / 100),
    perSecondPerCore: each((seconds) => Math.floor((UTILISATION * 1_000) / seconds)),
    needs: RATES.map((perSecond) => ({
      perSecond,
      cores: each((seconds) => Math.ceil((perSecond * seconds) / 1_000 / UTILISATION)),
    })),
    endsFirst: PARTS.reduce((most, part) => (cpuSecondsPer1000[part] > cpuSecondsPer1000[most] ? part : most)),
  };
}
