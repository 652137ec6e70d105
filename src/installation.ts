import type { Config } from './config';
import type { Consumer } from './consumer';
import { forwardTopic } from './forward/forward-topic';
import type { SchemaMigrations } from './migrate';
import type { Topic } from './topic';

/** The parts of an installation. */
export interface Installation {
  topics: Topic[];
  consumers: Consumer[];
  /** Its own tables, migrated after Postdate's in the same database. */
  schemas: SchemaMigrations[];
}

/** The whole installation: what the sources declare, and the forward topics that the environment declares. */
export const installed = <Parts extends Installation>(
  { forwardTopics }: Pick<Config, 'forwardTopics'>,
  parts: Parts,
): Parts => ({
  ...parts,
  topics: [...parts.topics, ...forwardTopics.map((settings) => forwardTopic(settings))],
});
