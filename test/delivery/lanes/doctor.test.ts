import { changeLane } from '../../../src/delivery/lanes/change-lane';
import type { LaneMatch } from '../../../src/delivery/lanes/lane';
import { LANE_GUARD } from '../../../src/delivery/lanes/lane-stopped';
import { laneChecks } from '../../../src/operating/doctor/lanes';
import { useDatabase } from '../../support/database';
import { useLiveWorkers } from '../../support/lanes';

const database = useDatabase();
const liveWorker = useLiveWorkers(database);
const topic = 'test.effect';
const rules: LaneMatch[] = [{ tenants: ['acme'] }];

async function found() {
  const [check] = laneChecks(database.pool, [{ name: topic }]);
  return check?.run();
}
const set = (lane: string, wish: Parameters<typeof changeLane>[2], author = 'ann') =>
  changeLane(database.pool, { topic, lane, what: wish.mode === 'stopped' ? 'stop' : 'set', author, reason: 'r' }, wish);

it('nothing is wrong without lanes, nor with lanes that are served, are stopped by somebody, or take nothing (the control)', async () => {
  expect(await found()).toEqual({ status: 'ok', says: 'stable only' });
  await liveWorker({ lane: 'canary', topics: [topic] });
  await set('canary', { rules });
  await set('idle', {});
  await set('halted', { rules, mode: 'stopped' });
  await set('stable', { rules: [{ tenants: ['ours'] }] });
  expect(await found()).toEqual({ status: 'ok', says: '3 beside stable, 3 rules' });
});

it('it finds lanes that nobody serves, rules and limits that cannot be read, and lanes that were stopped by themselves', async () => {
  await set('v2', { rules });
  expect(await found()).toEqual({
    status: 'warn',
    says: 'test.effect@v2 has no live worker: stable lands what it takes',
    todo: 'start a worker with POSTDATE_LANE, or postdate lane stop',
  });
  await set('v2', { mode: 'shadow' });
  expect((await found())?.says).toBe('test.effect@v2 has no live worker: nothing is compared');
  await set('v2', { mode: 'stopped' }, LANE_GUARD);
  // That somebody sets its limits since is no reason to forget it.
  await set('v2', { limits: { minCount: 7 } });
  expect(await found()).toEqual({
    status: 'warn',
    says: expect.stringMatching(/^test\.effect@v2 was stopped by its lane guard at \d{4}-\S+Z: r$/),
    todo: expect.stringContaining('--history'),
  });
  await database.pool.query(`update postdate.lane_change set changed_at = changed_at - interval '25 h'`);
  expect((await found())?.status).toBe('ok');
  await database.pool.query('update postdate.lane_change set changed_at = clock_timestamp()');
  await set('v2', { mode: 'live', rules: [] });
  expect((await found())?.status).toBe('ok');

  await database.pool.query(
    `insert into postdate.lane_rule (topic, place, lane, match, reason, author)
     values ('test.gone', 1, 'canary', '{}', 'by hand', 'eve'), ($1, 1, 'v2', '{"percent": 200}', 'by hand', 'eve')`,
    [topic],
  );
  await database.pool.query(`update postdate.lane set limits = '[]', ramp = '{"steps": 1}' where lane = 'idle'`);
  const spoilt = await found();
  expect(spoilt?.status).toBe('warn');
  expect(spoilt?.says.split('; ')).toEqual([
    // By the topic's name, as it may be installed no longer.
    expect.stringMatching(/^rule \d+ of test\.effect@v2 is skipped: its match cannot be read$/),
    expect.stringMatching(/^rule \d+ of test\.gone@canary is skipped: there is no lane canary$/),
    'limits of test.effect@idle cannot be read: the default ones hold',
    'the ramp of test.effect@idle cannot be read: it stays where it is',
  ]);
  expect(spoilt?.todo).toContain('postdate lane set');
});
