import { setTimeout as pause } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import type { Pool } from 'pg';
import { eventData, originOf } from '../../app/payment-requests/events';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { closeRequest, insertRequest, type PaymentRequest } from '../../app/payment-requests/rows';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { createWithdraw } from '../../src/activities/withdraw';
import { appendEvent } from '../../src/events/outbox';
import type { ScheduledMessage } from '../../src/message/contract';
import type { Decision } from '../../src/message/decision';
import { inTransaction } from '../../src/platform/database/pool';
import { runActivity } from '../support/activity';
import { useDatabase } from '../support/database';
import { useHolds } from '../support/hold';
import { createRival, someoneHasNotWon, WINNERS } from './rival';
import { type Story, storiesOf } from './stories';

const database = useDatabase(paymentsSchema);
const startHold = useHolds(database);

// `npm run test:races` runs ten thousand; after these it goes on until both sides have won.
const RACES = Number(process.env.POSTDATE_RACES ?? 400);
const AT_A_TIME = 40;
const AROUND_MS = 5;
// A payment is one statement and the landing several, so that one at the same instant would always win.
const PAY_LATE_MS = 40;

const messageOf = ({ tenant, id }: PaymentRequest, dueAt: number): ScheduledMessage => ({
  v: 1,
  topic: paymentRequestExpiry.name,
  tenant,
  key: id,
  cycle: 1,
  dueAt,
  payload: {},
});

const newRequest = (): PaymentRequest => ({
  tenant: 'acme',
  id: nanoid(),
  payer: 'Doe',
  payee: 'John',
  amount: '1.00',
  currency: 'EUR',
});

/** Service A's payment: the row and its event in one transaction. True if it was in time. */
const pay = (pool: Pool, request: PaymentRequest): Promise<boolean> =>
  inTransaction(pool, async (tx) => {
    const row = await closeRequest(tx, request, 'PAID');
    if (row) await appendEvent(tx, originOf(request, row.cycle), 'payment-request.paid', eventData(row));
    return row !== undefined;
  });

it(`${RACES} cancels and payments from ${AROUND_MS} ms before the due time to ${PAY_LATE_MS} ms after it: answer, ledger, row and event agree`, async () => {
  const { deliver } = await startHold([paymentRequestExpiry]);
  const { cancel } = createWithdraw({ pool: database.pool });
  const split: Record<string, number> = {};
  const rivals = [createRival('cancel', [-AROUND_MS, AROUND_MS]), createRival('pay', [-AROUND_MS, PAY_LATE_MS])];
  // Time to write the rows down, which on a busy machine may take longer.
  let leadMs = 150;
  let raced = 0;

  while (raced < RACES || someoneHasNotWon(split, { raced, most: 20 * RACES })) {
    raced += AT_A_TIME;
    const dueAt = Date.now() + leadMs;
    const requests = Array.from({ length: AT_A_TIME }, newRequest);
    for (const request of requests) await insertRequest(database.pool, request, dueAt);
    if (rivals.some(({ aheadMs }) => Date.now() > dueAt - aheadMs())) leadMs *= 2;
    const stories = await Promise.all(
      requests.map(async (request, place): Promise<Story> => {
        const message = messageOf(request, dueAt);
        const delivered = deliver(paymentRequestExpiry, message);
        const rival = rivals[place % 2] as (typeof rivals)[number];
        await pause(rival.comesAt(dueAt) - Date.now());
        if (rival.name === 'cancel') {
          const [answer, delivery] = await Promise.all([
            runActivity<Parameters<typeof cancel>[0], Decision>(cancel, { message, command: { commandId: nanoid() } }),
            delivered,
          ]);
          expect(answer).toEqual(delivery);
          return { id: request.id, rival: 'cancel', won: answer.outcome === 'cancelled' };
        }
        const [won] = await Promise.all([pay(database.pool, request), delivered]);
        return { id: request.id, rival: 'pay', won };
      }),
    );
    for (const rival of rivals) rival.learn(stories);
    for (const [who, times] of Object.entries(await storiesOf(database.pool, stories))) {
      split[who] = (split[who] ?? 0) + times;
    }
  }

  process.stdout.write(`races: ${JSON.stringify(split)}\n`);
  expect({ raced, won: Object.keys(split).sort() }).toEqual({ raced, won: WINNERS });
}, 600_000);
