import { nanoid } from 'nanoid';
import { schedule } from '../../src/client';
import { useBurstWorkers } from '../support/burst-workers';
import { useDatabase } from '../support/database';
import { deliveryState, STARTED } from '../support/delivery-state';
import { dueInTime } from '../support/due-in-time';
import { burstTopic, effectsSchema, traces } from '../support/effects';
import { eventually, eventuallyAfter } from '../support/eventually';
import { useOwnTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useOwnTemporal();

const startWorker = useBurstWorkers(temporal, database);
const holders = async () =>
  (await database.pool.query('select worker, count(*)::int as n from postdate.held group by worker order by 1')).rows;
const open = async () => (await temporal.client.workflow.count(`ExecutionStatus = 'Running'`)).count;

it('a worker that hangs over the due time and comes back: others have landed what it held, it changes nothing, and answers what they decided', async () => {
  const [zombie] = await Promise.all([startWorker(), startWorker()]);
  /** Posts messages that are due at one instant; returns their keys. */
  const post = async (count: number, dueAt: number) => {
    const keys = Array.from({ length: count }, () => nanoid());
    const message = { topic: burstTopic, tenant: 'acme', dueAt, payload: { note: 'n' } };
    await Promise.all(keys.map((key) => schedule(temporal.client, { ...message, key })));
    return keys;
  };
  const decided = async (of: string[]) =>
    (await database.pool.query('select 1 from postdate.delivery where key = any($1)', [of])).rowCount;
  // Twice as long: each is asked for as well before it is due.
  const dueAt = await dueInTime(2 * 200, async (probes) => {
    const early = await post(probes, Date.now());
    await eventually(async () => expect(await decided(early)).toBe(probes));
    await eventually(async () => expect(await open()).toBe(0));
  });
  const keys = await post(200, dueAt);
  await eventually(async () => expect((await holders()).reduce((sum, { n }) => sum + n, 0)).toBe(200));
  expect(await holders()).toHaveLength(2);
  // A delivery on its way to the one that hangs would be lost, and its workflow not end before Temporal's time-out.
  await eventually(async () => {
    for (const key of keys) {
      const ref = { topic: burstTopic.name, tenant: 'acme', key };
      expect(await deliveryState(temporal.client, ref)).toBe(STARTED);
    }
  });
  zombie.signal('SIGSTOP');
  expect(Date.now()).toBeLessThan(dueAt);

  await eventuallyAfter(dueAt, async () => expect(await decided(keys)).toBe(200));
  // Its own attempts are still open, as Temporal will not miss it for another ten minutes.
  await eventually(async () => expect(await open()).toBeLessThan(200));
  expect(await open()).toBeGreaterThan(0);

  zombie.signal('SIGCONT');
  await eventually(async () => expect(await open()).toBe(0), 180_000);
  for (const key of keys) expect(await traces(database.pool, key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  const early = await database.pool.query('select 1 from postdate.delivery where decided_at < due_at');
  expect(early.rowCount).toBe(0);
}, 400_000);
