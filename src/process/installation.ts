import type { Consumer } from '../events/consumer';
import type { SchemaMigrations } from '../platform/database/migrate';
import { forwardTopic } from '../topics/forward-topic';
import type { Topic } from '../topics/topic';
import type { Config } from './config';

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
