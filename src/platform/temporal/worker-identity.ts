import { hostname } from 'node:os';

const DATABASE = / database (\S+)$/;

/** The name of a worker's polls in Temporal: process and host, as the SDK names them, and the database that it lands in. */
export const identityOfWorker = (databaseId: string | undefined): string =>
  `${process.pid}@${hostname()}${databaseId === undefined ? '' : ` database ${databaseId}`}`;

/** The database that a poller lands in. Undefined for a worker of an earlier release, or one that could not know. */
export const databaseIdIn = (identity: string | null | undefined): string | undefined =>
  DATABASE.exec(identity ?? '')?.[1];
