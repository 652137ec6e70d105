import { nanoid } from 'nanoid';
import { schedule } from '../src/client';
import { useBurstWorkers } from './support/burst-workers';
import { useDatabase } from './support/database';
import { burstTopic, effectsSchema, traces } from './support/effects';
import { eventually } from './support/eventually';
import { useOwnTemporal } from './support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useOwnTemporal();

const startWorker = useBurstWorkers(temporal, database);
const holders = async () =>
  (await database.pool.query('select worker, count(*)::int as n from postdate.held group by worker order by 1')).rows;
const open = async () => (await temporal.client.workflow.count(`ExecutionStatus = 'Running'`)).count;

it('a worker that hangs over the due time and comes back: others have landed what it held, it changes nothing, and answers what they decided', async () => {
  const [zombie] = await Promise.all([startWorker(), startWorker()]);
  const dueAt = Date.now() + 20_000;
  const keys = Array.from({ length: 200 }, () => nanoid());
  const post = { topic: burstTopic, tenant: 'acme', dueAt, payload: { note: 'n' } };
  await Promise.all(keys.map((key) => schedule(temporal.client, { ...post, key })));
  await eventually(async () => expect((await holders()).reduce((sum, { n }) => sum + n, 0)).toBe(200));
  expect(await holders()).toHaveLength(2);
  zombie.signal('SIGSTOP');
  expect(Date.now()).toBeLessThan(dueAt);

  const decided = async () => (await database.pool.query('select key from postdate.delivery')).rowCount;
  await eventually(async () => expect(await decided()).toBe(200));
  // Its own attempts are still open, as Temporal will not miss it for another ten minutes.
  await eventually(async () => expect(await open()).toBeLessThan(200));
  expect(await open()).toBeGreaterThan(0);

  zombie.signal('SIGCONT');
  await eventually(async () => expect(await open()).toBe(0), 180_000);
  for (const key of keys) expect(await traces(database.pool, key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  const early = await database.pool.query('select 1 from postdate.delivery where decided_at < due_at');
  expect(early.rowCount).toBe(0);
}, 400_000);
