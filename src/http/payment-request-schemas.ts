import { z } from 'zod';
import { paymentRequest } from '../payment-requests/requests';
import { instant, named, part } from './shapes';

// As schemas.ts, of the payment requests.

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
