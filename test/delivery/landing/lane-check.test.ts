import { setTimeout as pause } from 'node:timers/promises';
import { LaneChanged, mustBeAt } from '../../../src/delivery/landing/lane-check';
import { changeLane } from '../../../src/delivery/lanes/change-lane';
import { readRoutingTable } from '../../../src/delivery/lanes/routing-table';
import { inTransaction } from '../../../src/platform/database/pool';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { setLane } from '../../support/lane-figures';

const database = useDatabase();
const versionOf = async (topic: string) => (await readRoutingTable(database.pool, topic)).version;
const stop = (topic: string) =>
  changeLane(
    database.pool,
    { topic, lane: 'canary', what: 'stop', author: 'ann', reason: 'stop' },
    { mode: 'stopped' },
  );

it('a lane is stopped while landings in it follow one another without a gap, and none comes after', async () => {
  const topic = 'test.no-gap';
  await setLane(database.pool, { topic, lane: 'canary' }, {});
  const version = await versionOf(topic);
  let stoppedAt = Number.POSITIVE_INFINITY;
  const begunAfter: number[] = [];
  let landings = 0;
  // Each longer than what is left of the others, so that one of them is always under way.
  const runs = [80, 97, 114, 131].map(async (ms) => {
    for (;;) {
      try {
        await inTransaction(database.pool, async (tx) => {
          const begunAt = performance.now();
          await mustBeAt(tx, topic, { name: 'canary', version });
          if (begunAt > stoppedAt) begunAfter.push(begunAt);
          landings += 1;
          await pause(ms);
        });
      } catch (error) {
        return error;
      }
    }
  });
  await eventually(async () => expect(landings).toBeGreaterThan(8));
  // It would give up by its statement's timeout of 20 s.
  await stop(topic);
  stoppedAt = performance.now();
  expect(await Promise.all(runs)).toEqual(runs.map(() => expect.any(LaneChanged)));
  expect(begunAfter).toEqual([]);
});

it.each<[string, (topic: string) => Promise<unknown>]>([
  ['by a command', stop],
  [
    'by plain SQL',
    (topic) => database.pool.query(`update postdate.lane set mode = 'stopped' where topic = $1`, [topic]),
  ],
])('a change %s waits for the landings before it, and what would land after it is to ask anew', async (how, change) => {
  const topic = `test.${how.replaceAll(' ', '-')}`;
  await setLane(database.pool, { topic, lane: 'canary' }, {});
  const lane = { name: 'canary', version: await versionOf(topic) };
  const order: string[] = [];
  let changing: Promise<unknown> | undefined;
  await inTransaction(database.pool, async (tx) => {
    await mustBeAt(tx, topic, lane);
    changing = change(topic).then(() => order.push('changed'));
    const waits = `select 1 from pg_locks join pg_database on pg_database.oid = database
                    where datname = current_database() and locktype = 'advisory' and not granted`;
    await eventually(async () => expect(order.length || (await database.pool.query(waits)).rowCount).toBe(1));
    order.push('landed');
  });
  const late = inTransaction(database.pool, (tx) => mustBeAt(tx, topic, lane));
  await expect(late).rejects.toThrow(LaneChanged);
  await changing;
  expect(order).toEqual(['landed', 'changed']);
});
