import { Client } from 'pg';
import { paymentRequestExpiry } from '../app/payment-requests/expiry';
import { cancelIn, scheduleIn } from '../src';

const [tenant, key, dueAt] = ['acme', 'from-typescript', '2030-01-08T14:00:00Z'];

/** The row, and the message that will expire it: both are there when the transaction commits, or neither. */
async function request(tx: Client) {
  const row = `insert into payments.payment_request (tenant, id, payer, payee, amount, currency, due_at)
               values ($1, $2, 'Doe', 'John', 100, 'EUR', $3)`;
  await tx.query(row, [tenant, key, dueAt]);
  await scheduleIn(tx, { topic: paymentRequestExpiry, tenant, key, dueAt, cycle: 1, payload: {} });
}

async function cancel(tx: Client) {
  const row = `update payments.payment_request set status = 'CANCELLED', closed_at = clock_timestamp()
                where tenant = $1 and id = $2 and status = 'PENDING'`;
  const { rowCount } = await tx.query(row, [tenant, key]);
  if (rowCount === 1) await cancelIn(tx, { topic: paymentRequestExpiry.name, tenant, key }, { reason: 'cancelled' });
}

async function main(step: (tx: Client) => Promise<void>) {
  const database = new Client({ connectionString: process.env.DATABASE_URL });
  await database.connect();
  await database.query('begin');
  await step(database);
  await database.query('commit');
  await database.end();
}

void main(process.argv[2] === 'cancel' ? cancel : request);
