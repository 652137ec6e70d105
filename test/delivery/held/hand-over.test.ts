import { claimFallbacks, returnToStable } from '../../../src/delivery/held/hand-over';
import { NOBODY, writeHeld } from '../../../src/delivery/held/held-rows';
import { lookAround } from '../../../src/delivery/held/look-around';
import { deregister } from '../../../src/platform/database/worker-registry';
import { useDatabase } from '../../support/database';
import { effectMessage } from '../../support/effects';

const database = useDatabase();

let topics = 0;
/** A message of a topic of its own, due so long ago, that somebody holds for the lane canary. */
async function held(worker: string, dueAgoMs: number) {
  topics += 1;
  const topic = `test.hand-over-${topics}`;
  const delivery = { message: effectMessage(-dueAgoMs, { topic }), late: false };
  await writeHeld(database.pool, { worker, lane: 'canary' }, [delivery]);
  return { topic, delivery, worker };
}
const serve = (worker: string, topic: string) => lookAround(database.pool, worker, { lane: 'canary', topics: [topic] });
const die = (worker: string) =>
  database.pool.query(`update postdate.worker set seen_at = clock_timestamp() - interval '4 seconds' where id = $1`, [
    worker,
  ]);
const fallbacks = async (topic: string) =>
  (await claimFallbacks(database.pool, 'of stable', { topics: [topic], paced: [], limit: 10 })).map(
    ({ reason }) => reason,
  );
const failures = async (topic: string) =>
  (await database.pool.query('select why from postdate.lane_failure where topic = $1', [topic])).rows.map(
    ({ why }) => why,
  );

it.each<[string, number, (one: { topic: string; worker: string }) => Promise<unknown>, string, string[]]>([
  ['is held by one that has died', -60_000, ({ worker }) => die(worker), 'notServed', ['its worker has died']],
  ['has not landed after two seconds', 2_100, async () => undefined, 'notLanded', ['it was not landed in time']],
  [
    'is held by nobody a second after it was due',
    1_100,
    ({ topic }) => database.pool.query('update postdate.held set worker = $2 where topic = $1', [topic, NOBODY]),
    'notHeld',
    ['nobody held it when it was due'],
  ],
  ['is held by one that was told to stop', -60_000, ({ worker }) => deregister(database.pool, worker), 'notServed', []],
])(
  'what of a lane %s is taken for stable, and counts against the lane unless it was told to stop',
  async (...given) => {
    const [what, dueAgoMs, change, reason, whys] = given;
    const one = await held(`canary that ${what}`, dueAgoMs);
    await serve(one.worker, one.topic);
    await change(one);
    expect(await fallbacks(one.topic)).toEqual([reason]);
    expect(await failures(one.topic)).toEqual(whys);
    expect(await fallbacks(one.topic)).toEqual([]);
  },
);

it('what a well worker of the lane holds is left to it (the control)', async () => {
  const one = await held('a well canary', 500);
  await serve(one.worker, one.topic);
  expect(await fallbacks(one.topic)).toEqual([]);
  expect(await failures(one.topic)).toEqual([]);
});

it('what the lane gives up as stable takes it counts once, with the reason of who tried', async () => {
  for (const lanesFirst of [true, false]) {
    const one = await held(`canary ${lanesFirst}`, 2_100);
    await serve(one.worker, one.topic);
    const give = () =>
      returnToStable(database.pool, one.worker, 'canary', [{ delivery: one.delivery, why: 'it hung' }]);
    if (!lanesFirst) expect(await fallbacks(one.topic)).toEqual(['notLanded']);
    await give();
    expect(await fallbacks(one.topic)).toEqual([]);
    expect(await failures(one.topic)).toEqual(['it hung']);
  }
});

it("what waits for its topic's pace is left to a well worker, however late it is, and not to one that has died", async () => {
  const one = await held('a paced canary', 60_000);
  await serve(one.worker, one.topic);
  const paced = { topics: [one.topic], paced: [one.topic], limit: 10 };
  expect(await claimFallbacks(database.pool, 'of stable', paced)).toEqual([]);
  await die(one.worker);
  expect(await claimFallbacks(database.pool, 'of stable', paced)).toMatchObject([{ reason: 'notServed' }]);
});
