import { nanoid } from 'nanoid';
import { schedule } from '../../src/client';
import { useBurstWorkers } from '../support/burst-workers';
import { useDatabase } from '../support/database';
import { burstTopic, effectsSchema } from '../support/effects';
import { eventually } from '../support/eventually';
import { useOwnTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useOwnTemporal();
const POSTING_AT_ONCE = 50;
const PATIENCE_MS = 600_000;
// `npm run test:bursts` plays it with more.
const BURST = Number(process.env.POSTDATE_BURST ?? 150);

const startWorker = useBurstWorkers(temporal, database);

/** Posts messages that are due at one instant; they go straight to the hold. */
async function post(count: number, dueAt: number): Promise<void> {
  const keys = Array.from({ length: count }, () => nanoid());
  const posting = Array.from({ length: POSTING_AT_ONCE }, async () => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
      await schedule(temporal.client, { topic: burstTopic, tenant: 'acme', key, dueAt, payload: { note: 'n' } });
    }
  });
  await Promise.all(posting);
}

/** How many messages due then each worker holds, largest first. */
async function heldBy(dueAt: number): Promise<number[]> {
  const { rows } = await database.pool.query(
    `select count(*)::int as n from postdate.held where (delivery->'message'->>'dueAt')::bigint = $1
      group by worker order by 1 desc`,
    [dueAt],
  );
  return rows.map(({ n }) => n);
}

const allHeld = (count: number, dueAt: number) =>
  eventually(async () => {
    const held = await heldBy(dueAt);
    expect(held.reduce((sum, n) => sum + n, 0)).toBe(count);
    return held;
  }, PATIENCE_MS);

const PROBES = 50;

/** Posts a burst whose due time is far enough for this machine to have it held by then, as a first few showed. */
async function postAndHold(count: number): Promise<{ dueAt: number; held: number[] }> {
  const startedAt = Date.now();
  const probeDueAt = startedAt + 550_000;
  await post(PROBES, probeDueAt);
  await allHeld(PROBES, probeDueAt);
  const dueAt = Math.round(Date.now() + 15_000 + 2 * (count / PROBES) * (Date.now() - startedAt));
  await post(count, dueAt);
  return { dueAt, held: await allHeld(count, dueAt) };
}

const untilInstant = (at: number) => new Promise((resolve) => setTimeout(resolve, at - Date.now()));

/** What became of the messages that were due then. */
async function outcomeOf(dueAt: number) {
  const { rows } = await database.pool.query(
    `select count(*)::int as landed, count(distinct delivery.key)::int as messages,
            count(*) filter (where decided_at < due_at)::int as early,
            (select count(*)::int from effects.effect join postdate.delivery using (key, cycle)
              where due_at = to_timestamp($1::float8 / 1000)) as effects,
            coalesce(max(extract(epoch from decided_at - due_at)), 0)::float8 as last_after_seconds
       from postdate.delivery where due_at = to_timestamp($1::float8 / 1000)`,
    [dueAt],
  );
  return rows[0];
}

it('a burst held by two workers lands within 10 s, each message once, when one is killed 1 s before they are due', async () => {
  const [killed] = await Promise.all([startWorker(), startWorker()]);
  const { dueAt, held } = await postAndHold(BURST);
  expect(held).toHaveLength(2);
  await untilInstant(dueAt - 1_000);
  killed.signal('SIGKILL');
  await killed.exitCode;
  expect(Date.now()).toBeLessThan(dueAt);
  await eventually(async () => expect((await outcomeOf(dueAt)).landed).toBe(BURST), PATIENCE_MS);
  const { last_after_seconds, ...counts } = await outcomeOf(dueAt);
  expect(counts).toEqual({ landed: BURST, messages: BURST, early: 0, effects: BURST });
  expect(last_after_seconds).toBeLessThan(10);
}, 1_200_000);

it('a worker that is told to stop hands back what it holds, and another has it all before it is due', async () => {
  const leaving = await startWorker();
  const { dueAt, held } = await postAndHold(BURST);
  expect(held).toEqual([BURST]);
  const staying = await startWorker();
  leaving.signal('SIGTERM');
  expect(await leaving.exitCode).toBe(0);
  expect(Date.now()).toBeLessThan(dueAt);
  expect(await outcomeOf(dueAt)).toMatchObject({ landed: 0 });
  expect(await heldBy(dueAt)).toEqual([BURST]);
  await eventually(async () => expect((await outcomeOf(dueAt)).landed).toBe(BURST), PATIENCE_MS);
  expect(await outcomeOf(dueAt)).toMatchObject({ messages: BURST, early: 0, effects: BURST });
  // Temporal has come along: each workflow ends by the attempt that the other worker made.
  await eventually(async () => {
    const open = await temporal.client.workflow.count(
      `ExecutionStatus = 'Running' and PostdateDueAt = '${new Date(dueAt).toISOString()}'`,
    );
    expect(open.count).toBe(0);
  }, PATIENCE_MS);
  staying.signal('SIGTERM');
  expect(await staying.exitCode).toBe(0);
}, 1_200_000);
