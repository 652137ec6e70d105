import { changeLane } from '../../../../src/delivery/lanes/change-lane';
import { type Lane, type LaneMatch, type LaneMode, laneLimits } from '../../../../src/delivery/lanes/lane';
import { emptyRoutingTable, type RoutingTable } from '../../../../src/delivery/lanes/routing-table';
import { createShadowCopies, pruneCopies, shadowLanesFor } from '../../../../src/delivery/lanes/shadow/shadow-copies';
import type { Delivery } from '../../../../src/message/contract';
import { done } from '../../../../src/topics/topic';
import { useDatabase } from '../../../support/database';
import { eventually } from '../../../support/eventually';
import { useHolds } from '../../../support/hold';
import { LANE, shelfSchema, shelfTopic, useShelf } from '../../../support/shadow';

const database = useDatabase(shelfSchema);
const shelf = useShelf(database);
const startHold = useHolds(database);
const topic = shelfTopic(async () => done);

const laneOf = (lane: string, mode: LaneMode): Lane => ({
  topic: topic.name,
  lane,
  mode,
  limits: laneLimits.parse({}),
});
const rule = (lane: string, match: LaneMatch) => ({ id: 1, place: 1, lane, match, reason: 'a trial', author: 'ann' });
const routingWith = (lanes: Lane[], fields: Partial<RoutingTable> = {}): RoutingTable => ({
  ...emptyRoutingTable(topic.name),
  lanes: new Map(lanes.map((one) => [one.lane, one])),
  servedLanes: new Set(lanes.map((one) => one.lane)),
  ...fields,
});
const copies = async () =>
  (await shelf.query('select tenant, key, lane from postdate.shadow_copy order by key')).rows as { key: string }[];
afterEach(() => shelf.query('truncate postdate.shadow_copy'));

it('a shadow gets what its rules match, and everything where it has none; no other lane gets anything', async () => {
  const lanes = [laneOf('all', 'shadow'), laneOf('some', 'shadow'), laneOf('live', 'live'), laneOf('off', 'stopped')];
  const rules = [rule('some', { tenants: ['acme'] }), rule('live', { tenants: ['acme'] })];
  const of = async (tenant: string, routing: RoutingTable) => shadowLanesFor(routing, await shelf.delivery({ tenant }));
  expect(await of('acme', routingWith(lanes, { rules }))).toEqual(['all', 'some']);
  expect(await of('globex', routingWith(lanes, { rules }))).toEqual(['all']);
  expect(await of('acme', routingWith(lanes, { rules, servedLanes: new Set(['some']) }))).toEqual(['some']);
  const malformed = [{ id: 2, lane: 'all', why: 'its match cannot be read' }];
  expect(await of('acme', routingWith(lanes, { rules, malformed }))).toEqual(['some']);
});

it('a copy is there once, however often the message is held, and not where the topic only forwards', async () => {
  const delivery = await shelf.delivery();
  const routing = routingWith([laneOf(LANE, 'shadow')]);
  const writer = createShadowCopies({ pool: database.pool, onError: () => undefined }, () => routing);
  writer.copy({ ...topic, forward: {} }, await shelf.delivery());
  writer.copy(topic, delivery);
  writer.copy(topic, delivery);
  await eventually(async () => expect(await copies()).toHaveLength(1));
  writer.copy(topic, delivery);
  writer.copy(topic, await shelf.delivery());
  await eventually(async () => expect(await copies()).toHaveLength(2));
  await writer.stop();
  expect(await copies()).toContainEqual({ tenant: 'acme', key: delivery.message.key, lane: LANE });
});

it('while copies cannot be written nobody waits for them, landings go on, and the error is told', async () => {
  const routing = routingWith([laneOf(LANE, 'shadow')]);
  const errors: unknown[] = [];
  const writer = createShadowCopies({ pool: database.pool, onError: (error) => errors.push(error) }, () => routing);
  const locking = await database.pool.connect();
  const delivery = await shelf.delivery();
  try {
    await locking.query('begin; lock postdate.shadow_copy, postdate.shadow_comparison, postdate.shadow_seal');
    writer.copy(topic, delivery);
    await eventually(async () => expect(errors.length).toBeGreaterThan(0));
    await shelf.landed(topic, delivery);
  } finally {
    await locking.query('rollback');
    locking.release();
  }
  await eventually(async () => expect(await copies()).toHaveLength(1));
  await writer.stop();
});

it('copies that nobody took go ten minutes after they were due, and no sooner', async () => {
  const [old, young] = [await shelf.delivery({}, -11 * 60_000), await shelf.delivery({}, -9 * 60_000)];
  await shelf.copied(topic, old, young);
  expect(await pruneCopies(database.pool, 100)).toBe(1);
  expect(await copies()).toMatchObject([{ key: young.message.key }]);
});

it('what is held when a lane becomes a shadow, and when its worker comes, is copied, too', async () => {
  const set = (mode: LaneMode) =>
    changeLane(
      database.pool,
      { topic: topic.name, lane: LANE, what: 'set', author: 'ann', reason: 'a trial' },
      { mode },
    );
  await set('stopped');
  const worker = await startHold([topic]);
  const deliver = async (delivery: Delivery) => {
    // Nobody waits for it to land.
    void worker.deliver(topic, delivery.message).catch(() => undefined);
    await eventually(async () => {
      const { rows } = await shelf.query('select 1 from postdate.held where key = $1', [delivery.message.key]);
      expect(rows).toHaveLength(1);
    });
  };
  const early = await shelf.delivery({ leadMs: 600_000 }, 600_000);
  await deliver(early);
  await set('shadow');
  const later = await shelf.delivery({ leadMs: 600_000 }, 600_000);
  await deliver(later);
  expect(await copies()).toEqual([]);
  await startHold([topic], {}, { lane: LANE });
  await eventually(async () =>
    expect((await copies()).map(({ key }) => key).sort()).toEqual(
      [early, later].map(({ message }) => message.key).sort(),
    ),
  );
  const last = await shelf.delivery({ leadMs: 600_000 }, 600_000);
  await deliver(last);
  await eventually(async () => expect(await copies()).toHaveLength(3));
  expect(worker.errors).toEqual([]);
  await worker.leave();
});
