import { changeLane } from '../../../src/delivery/lanes/change-lane';
import { chooseLane } from '../../../src/delivery/lanes/choose-lane';
import { readRoutingTable } from '../../../src/delivery/lanes/routing-table';
import { useDatabase } from '../../support/database';

const database = useDatabase();
const by = { author: 'ann', reason: 'a trial' };
const message = (topic: string, tenant: string) => ({ topic, tenant, key: 'k', payload: {} });

it('a lane has the rules that were set last, in its place among the others, and each change leaves a row that says who and why', async () => {
  const topic = 'test.set';
  const set = (lane: string, tenants: string[], first = false) =>
    changeLane(database.pool, { topic, lane, what: 'set', ...by }, { rules: [{ tenants }], first });
  await set('canary', ['acme']);
  await set('v2', ['acme', 'globex']);
  await set('canary', ['acme', 'initech']);
  const routing = await readRoutingTable(database.pool, topic);
  expect(routing.rules.map(({ lane, match }) => [lane, match])).toEqual([
    ['canary', { tenants: ['acme', 'initech'] }],
    ['v2', { tenants: ['acme', 'globex'] }],
  ]);
  const served = { ...routing, servedLanes: new Set(['canary', 'v2']) };
  expect(chooseLane(served, message(topic, 'acme'))).toEqual({ lane: 'canary', reason: 'a trial' });
  expect(chooseLane(routing, message(topic, 'globex'))).toMatchObject({ lane: 'stable', fellBackFrom: 'v2' });
  await set('stable', ['acme'], true);
  expect(
    chooseLane(
      { ...served, ...(await readRoutingTable(database.pool, topic)), servedLanes: served.servedLanes },
      message(topic, 'acme'),
    ).lane,
  ).toBe('stable');
  const { rows } = await database.pool.query(
    'select lane, what, author, reason, before, after from postdate.lane_change where topic = $1 order by id',
    [topic],
  );
  expect(rows).toHaveLength(4);
  expect(rows[2]).toMatchObject({
    ...by,
    lane: 'canary',
    what: 'set',
    before: { mode: 'live', rules: [{ match: { tenants: ['acme'] } }] },
    after: { rules: [{ match: { tenants: ['acme', 'initech'] } }] },
  });
});

it('of two operators who have seen the same version only one changes it, and the other is told so', async () => {
  const topic = 'test.two';
  await changeLane(database.pool, { topic, lane: 'canary', what: 'set', ...by }, { rules: [{ tenants: ['acme'] }] });
  const { version } = await readRoutingTable(database.pool, topic);
  const results = await Promise.all(
    ['ann', 'bob'].map((author) =>
      changeLane(
        database.pool,
        { topic, lane: 'canary', what: 'set', author, reason: 'mine', ifVersion: version },
        { rules: [{ tenants: [author] }] },
      ),
    ),
  );
  expect(results.map(({ result }) => result).sort()).toEqual(['changed', 'overtaken']);
  const { rules } = await readRoutingTable(database.pool, topic);
  const winner = results[0]?.result === 'changed' ? 'ann' : 'bob';
  expect(rules.map(({ author, match }) => [author, match])).toEqual([[winner, { tenants: [winner] }]]);
});

it('a rule that cannot be read is skipped and shown, and the rules after it are obeyed', async () => {
  const topic = 'test.malformed';
  await changeLane(database.pool, { topic, lane: 'canary', what: 'set', ...by }, { rules: [{ tenants: ['acme'] }] });
  await database.pool.query(
    `insert into postdate.lane_rule (topic, place, lane, match, reason, author)
     values ($1, -2, 'canary', '{"tenants": "acme"}', 'by hand', 'eve'), ($1, -1, 'nowhere', '{"tenants": ["acme"]}', 'by hand', 'eve')`,
    [topic],
  );
  const routing = await readRoutingTable(database.pool, topic);
  expect(routing.malformed.map(({ why }) => why)).toEqual(['its match cannot be read', 'there is no lane nowhere']);
  expect(chooseLane({ ...routing, servedLanes: new Set(['canary']) }, message(topic, 'acme')).lane).toBe('canary');
});

it('what is changed by plain SQL raises the version, too', async () => {
  const topic = 'test.by-hand';
  await changeLane(database.pool, { topic, lane: 'canary', what: 'set', ...by }, { rules: [{ tenants: ['acme'] }] });
  const { version } = await readRoutingTable(database.pool, topic);
  await database.pool.query('delete from postdate.lane_rule where topic = $1', [topic]);
  expect((await readRoutingTable(database.pool, topic)).version).toBeGreaterThan(version);
});

it.each(['stable lane', 'Canary', '', '-x', 'a@b'])('%p cannot be the name of a lane', async (lane) => {
  const change = () => changeLane(database.pool, { topic: 'test.name', lane, what: 'set', ...by }, {});
  expect(change).toThrow(expect.objectContaining({ code: 'invalidLane', field: 'lane' }));
});
