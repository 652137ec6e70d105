import { setTimeout as pause } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import { runAudit } from '../../src/audit/audit';
import { cancel } from '../../src/client';
import { installation } from '../../src/installation';
import { paymentRequestExpiry } from '../../src/payment-requests/expiry';
import { createPaymentRequests } from '../../src/payment-requests/requests';
import { paymentsSchema } from '../../src/payment-requests/schema';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';
import { type Story, storiesOf } from './stories';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema);

const RACES = 300;
// So many at a time that an update still reaches its workflow within the span.
const AT_A_TIME = 30;
const LEAD_MS = 3_000;
const AROUND_MS = 40;
// A cancel takes its way through Temporal first, on a busy machine a few tenths of a second.
const CANCEL_AHEAD_MS = 400;
// A payment is one statement and the landing several, so that one at the same instant would nearly always win.
const PAY_LATE_MS = 120;

it(`${RACES} cancels and payments through the client, around the due time: everyone tells the same story`, async () => {
  const service = createPaymentRequests({ pool: database.pool });
  const split: Record<string, number> = {};
  await temporal.withWorker(database, installation, async () => {
    for (let raced = 0; raced < RACES; raced += AT_A_TIME) {
      const dueAt = Date.now() + LEAD_MS;
      const ids = Array.from({ length: AT_A_TIME }, () => nanoid());
      await Promise.all(
        ids.map((id) =>
          service.request({ tenant: 'acme', id, payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' }, dueAt),
        ),
      );
      const stories = await Promise.all(
        ids.map(async (id, place): Promise<Story> => {
          const cancels = place % 2 === 0;
          const [aheadMs, lateMs] = cancels ? [CANCEL_AHEAD_MS, AROUND_MS] : [AROUND_MS, PAY_LATE_MS];
          await pause(dueAt - Date.now() - aheadMs + Math.random() * (aheadMs + lateMs));
          if (cancels) {
            const answer = await cancel(temporal.client, { topic: paymentRequestExpiry.name, tenant: 'acme', key: id });
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
  expect(Object.keys(split).sort()).toEqual(['cancel', 'expiry against cancel', 'expiry against pay', 'pay']);
}, 600_000);
