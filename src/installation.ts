import type { Config } from './config';
import type { Consumer } from './consumer';
import type { OwnRoutes } from './http/route';
import type { SchemaMigrations } from './migrate';
import type { Topic } from './topic';

/** What an installation consists of. */
export interface Installation {
  topics: Topic[];
  consumers: Consumer[];
  /** Its own tables, migrated after Postdate's in the same database. */
  schemas: SchemaMigrations[];
  /** Its own operations of the HTTP API, beside Postdate's. Default: none. */
  routes?: OwnRoutes;
}

/** All that is installed: the sources' part, and the forward topics that the environment declares. */
export const installed = ({ forwardTopics }: Pick<Config, 'forwardTopics'>, parts: Installation): Installation => ({
  ...parts,
  topics: [...parts.topics, ...forwardTopics],
});
