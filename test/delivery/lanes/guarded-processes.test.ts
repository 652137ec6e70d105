import { setTimeout as pause } from 'node:timers/promises';
import { readRoutingTable } from '../../../src/delivery/lanes/routing-table';
import { useDatabase } from '../../support/database';
import { eventsIn } from '../../support/described-events';
import { eventually } from '../../support/eventually';
import { laneDueTime } from '../../support/lane-due-time';
import { setLane } from '../../support/lane-figures';
import { buildsSchema, type Conduct } from '../../support/lane-topic';
import { heldIn, landedOf, postOf, useLaneWorkers } from '../../support/lane-workers';
import { useOwnTemporal } from '../../support/temporal';

const database = useDatabase(buildsSchema);
const temporal = useOwnTemporal();
const startWorker = useLaneWorkers(temporal, database);

const [TENANTS, CHOSEN] = [['acme', 'globex', 'initech', 'umbrella'], ['acme']];
const EACH = 5;
const LEAD_MS = 15_000;
const topic = 'test.builds';

const live = () =>
  setLane(
    database.pool,
    { topic, lane: 'canary' },
    { mode: 'live', limits: { minCount: EACH }, rules: [{ tenants: CHOSEN }] },
  );
const modeOf = async () => (await readRoutingTable(database.pool, topic)).lanes.get('canary')?.mode;
const stops = async () =>
  (await eventsIn(database.pool)).flatMap(({ type, data }) => (type === 'postdate.lane-stopped' ? [data] : []));

/** What becomes of messages of all tenants, due at one instant, where the canary's build does so. */
async function release({ conduct = 'lands', killed = false }: { conduct?: Conduct; killed?: boolean }) {
  await live();
  const before = (await stops()).length;
  const [, , canary] = await Promise.all([
    startWorker({ leadMs: LEAD_MS }),
    startWorker({ leadMs: LEAD_MS }),
    startWorker({ lane: 'canary', leadMs: LEAD_MS, conduct }),
  ]);
  const dueAt = await laneDueTime(temporal, database, TENANTS.length * EACH, LEAD_MS);
  await postOf(temporal, TENANTS, { each: EACH, dueAt, leadMs: LEAD_MS });
  await heldIn(database.pool, dueAt, { canary: EACH, stable: 3 * EACH });
  if (killed) {
    await pause(dueAt - 1_000 - Date.now());
    canary.signal('SIGKILL');
  }
  const landed = await landedOf(database.pool, dueAt, TENANTS.length * EACH);
  return { dueAt, landed, stopsSince: async () => (await stops()).slice(before) };
}
const allBy = (lane: (tenant: string) => string) =>
  TENANTS.map((tenant) => {
    const all = { landed: EACH, messages: EACH, effects: EACH, allEffects: EACH };
    return { tenant, lane: lane(tenant), ...all };
  });

it.each([
  ['throws', { conduct: 'throws' }],
  ['hangs', { conduct: 'hangs' }],
  ['is killed', { killed: true }],
] as const)(
  'the workers of stable stop a canary that %s, once, and everything lands once by stable',
  async (_, options) => {
    const { landed, stopsSince } = await release(options);
    expect(landed).toMatchObject(allBy(() => 'stable'));
    await eventually(async () => expect(await modeOf()).toBe('stopped'));
    expect(await stopsSince()).toEqual([
      { lane: 'canary', reason: expect.stringMatching(/^error rate 100 % of 5 in \d+ s is above 5 %$/) },
    ]);
  },
  600_000,
);

it('they leave one alone that lands what is its (the control)', async () => {
  const { dueAt, landed, stopsSince } = await release({});
  expect(landed).toMatchObject(allBy((tenant) => (CHOSEN.includes(tenant) ? 'canary' : 'stable')));
  // As long as the looks that stopped the others.
  await eventually(async () => expect(Date.now()).toBeGreaterThan(dueAt + 5_000));
  expect([await modeOf(), await stopsSince()]).toEqual(['live', []]);
}, 600_000);
