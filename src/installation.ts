import type { Config } from './config';
import type { Consumer } from './consumer';
import { forwardTopic } from './forward/forward-topic';
import type { SchemaMigrations } from './migrate';
import { paymentRequestExpiry } from './payment-requests/expiry';
import { notifications } from './payment-requests/notifications';
import { paymentsSchema } from './payment-requests/schema';
import type { Topic } from './topic';

/** What an installation consists of. */
export interface Installation {
  topics: Topic[];
  consumers: Consumer[];
  schemas: SchemaMigrations[];
}

/** What this one consists of, in its sources. Add your own topics, listeners and tables here. */
export const installation: Installation = {
  topics: [paymentRequestExpiry],
  consumers: [notifications],
  schemas: [paymentsSchema],
};

/** All that is installed: the sources' part, and the forward topics that the environment declares. */
export const installed = ({ forwardTopics }: Pick<Config, 'forwardTopics'>): Installation => ({
  ...installation,
  topics: [...installation.topics, ...forwardTopics.map((settings) => forwardTopic(settings))],
});
