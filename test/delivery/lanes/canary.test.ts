import { changeLane } from '../../../src/delivery/lanes/change-lane';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { laneDueTime } from '../../support/lane-due-time';
import { buildsSchema } from '../../support/lane-topic';
import { heldIn, landedOf, landedOnceBy, postOf, useLaneWorkers } from '../../support/lane-workers';
import { useOwnTemporal } from '../../support/temporal';

const database = useDatabase(buildsSchema);
const temporal = useOwnTemporal();
const startWorker = useLaneWorkers(temporal, database);

const TENANTS = Array.from({ length: 20 }, (_, nth) => `tenant-${String(nth + 1).padStart(2, '0')}`);
const CHOSEN = TENANTS.slice(0, 2);
const topic = 'test.builds';
// `npm run test:bursts` has a thousand; the rules are the same for these.
const EACH = Number(process.env.POSTDATE_BURST ?? 100) / TENANTS.length;
const by = { topic, lane: 'canary', author: 'the test', reason: 'two tenants first' };

const sendToCanary = (tenants: string[]) =>
  changeLane(database.pool, { ...by, what: 'set' }, { mode: 'live', rules: [{ tenants }] });

const byRules = (tenant: string) => (CHOSEN.includes(tenant) ? 'canary' : 'stable');

it(`${20 * EACH} messages of 20 tenants due at one instant each land once, by the lane that the rules name`, async () => {
  await sendToCanary(CHOSEN);
  await Promise.all([startWorker(), startWorker({ lane: 'canary' })]);
  const dueAt = await laneDueTime(temporal, database, 20 * EACH);
  await postOf(temporal, TENANTS, { each: EACH, dueAt });
  await heldIn(database.pool, dueAt, { canary: 2 * EACH, stable: 18 * EACH });
  expect(await landedOf(database.pool, dueAt, 20 * EACH)).toEqual(landedOnceBy(TENANTS, byRules, EACH));
  // Their workflows come along, those of the canary by its own queue.
  await eventually(async () => {
    const query = `ExecutionStatus = 'Running' and PostdateTopic = '${topic}'`;
    expect((await temporal.client.workflow.count(query)).count).toBe(0);
  }, 600_000);
}, 1_200_000);
