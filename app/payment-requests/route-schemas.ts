import { z } from 'zod';
import { instant, named, part } from '../../src/http/application-routes';
import { paymentRequest } from './requests';

// The requests and answers of the operations on payment requests.

export const paymentRequestRef = z.strictObject({ tenant: part, id: part });
export const newPaymentRequest = paymentRequest
  .extend({ ...paymentRequestRef.shape, expiresAt: instant })
  .strict()
  .register(named, { id: 'NewPaymentRequest' });
export const extension = z.strictObject({ expiresAt: instant }).register(named, { id: 'Extension' });
export const paymentRequestView = newPaymentRequest
  .extend({ status: z.enum(['PENDING', 'PAID', 'CANCELLED', 'EXPIRED']), closedAt: instant.optional() })
  .register(named, { id: 'PaymentRequest' });
export const changed = z
  .strictObject({ result: z.enum(['requested', 'exists', 'paid', 'cancelled', 'extended']) })
  .register(named, { id: 'Changed' });
