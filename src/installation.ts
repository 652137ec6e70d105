import type { Config } from './config';
import type { Consumer } from './consumer';
import { forwardTopic } from './forward/forward-topic';
import type { SchemaMigrations } from './migrate';
import type { Topic } from './topic';

/** What an installation consists of. */
export interface Installation {
  topics: Topic[];
  consumers: Consumer[];
  /** Its own tables, migrated after Postdate's in the same database. */
  schemas: SchemaMigrations[];
}

/** All that is installed: the sources' part, and the forward topics that the environment declares. */
export const installed = <Parts extends Installation>(
  { forwardTopics }: Pick<Config, 'forwardTopics'>,
  parts: Parts,
): Parts => ({
  ...parts,
  topics: [...parts.topics, ...forwardTopics.map((settings) => forwardTopic(settings))],
});
