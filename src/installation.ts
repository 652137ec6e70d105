import type { Consumer } from './consumer';
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

/** What this one consists of. Add your own topics, listeners and tables here. */
export const installation: Installation = {
  topics: [paymentRequestExpiry],
  consumers: [notifications],
  schemas: [paymentsSchema],
};
