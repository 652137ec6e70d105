import { onPath } from '../../local/executables';

/** The cores of each part, as taskset takes them. A part without cores may use all. */
export interface Places {
  server?: string;
  temporalDatabase?: string;
  database?: string;
  workers?: string;
  /** Whether no part shares a core with another. */
  isApart: boolean;
  inWords: string;
}

const PARTS_APART = 4;

/** Which cores of a machine stand for which of production's machines: Temporal's server, its database, the application's, the workers. */
export function placesOn(cores: number): Places {
  if (cores < 2) return { isApart: false, inWords: 'nothing is pinned: all parts share one core' };
  if (cores < PARTS_APART) {
    const workers = cores === 2 ? '0' : '2';
    return {
      ...{ server: '0', temporalDatabase: '1', database: '1', workers },
      isApart: false,
      inWords: `all parts share ${cores} cores: Temporal’s server is on core 0, both databases on core 1, the workers on core ${workers}`,
    };
  }
  const each = Math.floor(cores / PARTS_APART);
  const from = (first: number, last = first + each - 1) => (first === last ? `${first}` : `${first}-${last}`);
  const [server, temporalDatabase, database] = [0, 1, 2].map((part) => from(part * each)) as [string, string, string];
  const workers = from(3 * each, cores - 1);
  return {
    ...{ server, temporalDatabase, database, workers },
    isApart: true,
    inWords: `no part shares a core: Temporal’s server is on ${server}, its database on ${temporalDatabase}, the application’s on ${database}, the workers on ${workers}`,
  };
}

/** The same where nothing can be pinned. */
export const unpinned = (cores: number): Places => ({
  isApart: false,
  inWords: `nothing is pinned, as there is no taskset: all parts share ${cores} cores`,
});

export const placesHere = (cores: number): Places => (onPath('taskset') ? placesOn(cores) : unpinned(cores));
