import { Client, Connection } from '@temporalio/client';
import { schedule } from '../../src/client';
import { serveFleet } from '../harness/fleet-client';
import { requestExpiry } from '../harness/request-expiry';
import { FORMS, TENANT } from './forms';

const { BENCH_TOPIC = '', BENCH_URL, BENCH_API_KEY, BENCH_BATCH, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE } = process.env;
const topic = requestExpiry({ name: BENCH_TOPIC });
const batchSize = Number(BENCH_BATCH);
// Nothing is due while this runs.
const dueAt = new Date(Date.now() + 365 * 86_400_000);

const headers = { authorization: `Bearer ${BENCH_API_KEY}`, 'content-type': 'application/json' };
const post = (key: string) => ({ topic: topic.name, tenant: TENANT, key, dueAt: dueAt.toISOString(), payload: {} });

async function ask(path: string, body: object, more: Record<string, string> = {}): Promise<unknown> {
  const options = { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) };
  const answer = await fetch(`${BENCH_URL}${path}`, options);
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function postBatch(keys: string[]): Promise<void> {
  const { answers } = (await ask('/v1/messages:batch', { messages: keys.map(post) })) as {
    answers: { status: number }[];
  };
  const refused = answers.find(({ status }) => status !== 201);
  if (refused) throw new Error(JSON.stringify(refused));
}

async function main(): Promise<void> {
  const connection = await Connection.connect({ address: TEMPORAL_ADDRESS });
  const client = new Client({ connection, namespace: TEMPORAL_NAMESPACE });
  serveFleet(
    {
      [FORMS.direct]: (index, { round }) =>
        schedule(client, { topic, tenant: TENANT, key: `${round}.${index}`, dueAt, payload: {} }),
      [FORMS.single]: (index, { round }) => ask('/v1/messages', post(`${round}.${index}`)),
      [FORMS.idempotent]: (index, { round }) =>
        ask('/v1/messages', post(`${round}.${index}`), { 'idempotency-key': `${round}.${index}` }),
      [FORMS.batch]: (index, { round }) =>
        postBatch(Array.from({ length: batchSize }, (_, place) => `${round}.${index}.${place}`)),
    },
    () => connection.close(),
  );
}

void main();
