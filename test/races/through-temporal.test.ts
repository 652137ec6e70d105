import { setTimeout as pause } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import { installation } from '../../app/installation';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { cancel } from '../../src/client';
import type { MessageRef } from '../../src/message/contract';
import { runAudit } from '../../src/operating/audit/audit';
import { useDatabase } from '../support/database';
import { allDispatched } from '../support/dispatching';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';
import { createRival, someoneHasNotWon, WINNERS } from './rival';
import { type Story, storiesOf } from './stories';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema);

// `npm run test:races` runs more; after these it goes on until both sides have won.
const RACES = process.env.POSTDATE_RACES ? 300 : 90;
// So many at a time that an update still reaches its workflow within the span.
const AT_A_TIME = 30;
const AROUND_MS = 40;
// A cancel takes its way through Temporal first, on a busy machine a few tenths of a second.
const CANCEL_AHEAD_MS = 400;
// A payment is one statement and the landing several, so that one at the same instant would nearly always win.
const PAY_LATE_MS = 120;

/** The answer to one cancellation, asked for again while no worker finds the time to give it. */
async function cancelled(ref: MessageRef): ReturnType<typeof cancel> {
  const commandId = nanoid();
  for (;;) {
    const answer = await cancel(temporal.client, ref, { commandId });
    if (answer.result !== 'requested') return answer;
  }
}

it(`${RACES} cancels and payments through the client, around the due time: everyone tells the same story`, async () => {
  const service = createPaymentRequests({ pool: database.pool });
  const split: Record<string, number> = {};
  const rivals = [createRival('cancel', [-CANCEL_AHEAD_MS, AROUND_MS]), createRival('pay', [-AROUND_MS, PAY_LATE_MS])];
  // Time for all of them to be posted, which on a busy machine may take longer.
  let leadMs = 3_000;
  let raced = 0;
  await temporal.withWorker(database, installation, async () => {
    while (raced < RACES || someoneHasNotWon(split, { raced, most: 20 * RACES })) {
      raced += AT_A_TIME;
      const dueAt = Date.now() + leadMs;
      const ids = Array.from({ length: AT_A_TIME }, () => nanoid());
      await Promise.all(
        ids.map((id) =>
          service.request({ tenant: 'acme', id, payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' }, dueAt),
        ),
      );
      await allDispatched(database.pool);
      if (rivals.some(({ aheadMs }) => Date.now() > dueAt - aheadMs())) leadMs *= 2;
      const stories = await Promise.all(
        ids.map(async (id, place): Promise<Story> => {
          const rival = rivals[place % 2] as (typeof rivals)[number];
          await pause(rival.comesAt(dueAt) - Date.now());
          if (rival.name === 'cancel') {
            const answer = await cancelled({ topic: paymentRequestExpiry.name, tenant: 'acme', key: id });
            expect(['cancelled', 'tooLate']).toContain(answer.result);
            return { id, rival: 'cancel', won: answer.result === 'cancelled' };
          }
          const answer = await service.pay({ tenant: 'acme', id });
          return { id, rival: 'pay', won: answer.result === 'paid' };
        }),
      );
      await eventually(async () => {
        const { rows } = await database.pool.query('select key from postdate.delivery where key = any($1)', [ids]);
        expect(rows).toHaveLength(AT_A_TIME);
      });
      for (const rival of rivals) rival.learn(stories);
      for (const [who, times] of Object.entries(await storiesOf(database.pool, stories))) {
        split[who] = (split[who] ?? 0) + times;
      }
    }
  });
  // A message that was cancelled alone leaves its row waiting; nothing else disagrees, and nothing is missing.
  const { topics, differences } = await runAudit(database.pool, [paymentRequestExpiry]);
  expect(topics[0]?.tenants).toMatchObject([{ gap: 0 }]);
  expect(differences.filter(({ kind }) => kind !== 'rowWaitsThoughDecided')).toEqual([]);
  expect(differences).toHaveLength(split.cancel ?? 0);
  process.stdout.write(`races through Temporal: ${JSON.stringify(split)}\n`);
  expect({ raced, won: Object.keys(split).sort() }).toEqual({ raced, won: WINNERS });
}, 600_000);
