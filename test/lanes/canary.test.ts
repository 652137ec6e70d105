import { changeLane } from '../../src/lanes/change-lane';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { buildsSchema } from '../support/lane-topic';
import { heldIn, landedOf, landedOnceBy, postOf, useLaneWorkers } from '../support/lane-workers';
import { useTemporal } from '../support/temporal';

const database = useDatabase(buildsSchema);
const temporal = useTemporal();
const startWorker = useLaneWorkers(temporal, database);

const TENANTS = Array.from({ length: 20 }, (_, nth) => `tenant-${String(nth + 1).padStart(2, '0')}`);
const CHOSEN = TENANTS.slice(0, 2);
const topic = 'test.builds';
const by = { topic, lane: 'canary', author: 'the test', reason: 'two tenants first' };

const sendToCanary = (tenants: string[]) =>
  changeLane(database.pool, { ...by, what: 'set' }, { mode: 'live', rules: [{ tenants }] });

const byRules = (tenant: string) => (CHOSEN.includes(tenant) ? 'canary' : 'stable');

it('1,000 messages of 20 tenants due at one instant each land once, by the lane that the rules name', async () => {
  await sendToCanary(CHOSEN);
  await Promise.all([startWorker(), startWorker({ lane: 'canary' })]);
  const dueAt = Date.now() + 120_000;
  await postOf(temporal, TENANTS, { each: 50, dueAt });
  await heldIn(database.pool, dueAt, { canary: 100, stable: 900 });
  expect(await landedOf(database.pool, dueAt, 1_000)).toEqual(landedOnceBy(TENANTS, byRules, 50));
  // Their workflows come along, those of the canary by its own queue.
  await eventually(async () => {
    const query = `ExecutionStatus = 'Running' and PostdateTopic = '${topic}'`;
    expect((await temporal.client.workflow.count(query)).count).toBe(0);
  }, 600_000);
}, 1_200_000);
