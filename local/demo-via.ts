import { parseArgs } from 'node:util';
import type { Pool } from 'pg';
import { createPaymentRequests } from '../app/payment-requests/requests';
import type { PaymentRequest, PaymentRequestRef } from '../app/payment-requests/rows';
import { startViaHttp } from './demo-via-http';
import { paymentRequestsInSql } from './demo-via-sql';

/** How the demo's payment requests reach Postdate. */
export const VIAS = ['client', 'http', 'sql'] as const;
export type Via = (typeof VIAS)[number];

/** Service A, whichever way its calls go. Instants are epoch milliseconds. */
export interface DemoProducer {
  request(request: PaymentRequest, expiresAt: number): Promise<unknown>;
  pay(ref: PaymentRequestRef): Promise<unknown>;
  cancel(ref: PaymentRequestRef): Promise<unknown>;
  extend(ref: PaymentRequestRef, expiresAt: number): Promise<unknown>;
  /** Ends what was started for it, and leaves no key behind. */
  stop(): Promise<void>;
}

interface ViaOptions {
  pool: Pool;
  env: NodeJS.ProcessEnv;
  /** The tenants of the payment requests. */
  tenants: string[];
  dataFolder: string;
  log: (line: string) => void;
}

/** Reads the demo's own arguments; throws with what may be given. */
export function readDemoArguments(args: string[]): { via: Via; canary: boolean; keep: boolean } {
  const flag = { type: 'boolean', default: false } as const;
  const options = { via: { type: 'string' }, canary: flag, keep: flag } as const;
  const { via = 'client', canary, keep } = parseArgs({ args, options }).values;
  const known = VIAS.find((one) => one === via);
  if (!known) throw new Error(`--via ${via}: must be one of ${VIAS.join(', ')}`);
  if (canary && via !== 'client') throw new Error('--canary: goes through the client alone');
  return { via: known, canary, keep };
}

/** Promises a service A that goes this way, ready to be called. */
export async function startProducer(via: Via, { pool, ...options }: ViaOptions): Promise<DemoProducer> {
  const stop = async () => {};
  switch (via) {
    case 'client':
      return Object.assign(createPaymentRequests({ pool }), { stop });
    case 'sql':
      return Object.assign(paymentRequestsInSql(pool), { stop });
    case 'http':
      return startViaHttp({ pool, ...options });
  }
}
