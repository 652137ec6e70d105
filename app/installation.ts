import type { Application } from '../src';
import { paymentRequestExpiry } from './payment-requests/expiry';
import { notifications } from './payment-requests/notifications';
import { paymentRequestRoutes } from './payment-requests/routes';
import { paymentsSchema } from './payment-requests/schema';

/** What this installation consists of. Add your own topics, listeners, tables and routes here. */
export const installation: Application = {
  topics: [paymentRequestExpiry],
  consumers: [notifications],
  schemas: [paymentsSchema],
  routes: paymentRequestRoutes,
};
