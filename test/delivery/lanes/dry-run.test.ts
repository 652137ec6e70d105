import { nanoid } from 'nanoid';
import { schedule } from '../../../src/client';
import { changeLane } from '../../../src/delivery/lanes/change-lane';
import { type DryRun, dryRun } from '../../../src/delivery/lanes/dry-run';
import type { LaneMatch } from '../../../src/delivery/lanes/lane';
import type { SetRequest } from '../../../src/delivery/lanes/lane-request';
import { planChange } from '../../../src/delivery/lanes/plan-change';
import { readRoutingTable } from '../../../src/delivery/lanes/routing-table';
import type { ScanLimits } from '../../../src/delivery/lanes/scan-waiting';
import { searchAttributesOf } from '../../../src/message/contract';
import { countWaiting } from '../../../src/producing/counts';
import type { Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectsSchema, effectTopic } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { useTemporal } from '../../support/temporal';

const temporal = useTemporal();
const database = useDatabase(effectsSchema);
const by = { author: 'ann', reason: 'a trial' };
const topicOf = (name: string, businessRows?: string): Topic => ({ ...effectTopic(), name, businessRows });

/** What waits from now on: so many messages of each tenant, whose payload's note is the tenant's own name. */
async function wait(topic: Topic, tenants: Record<string, number>): Promise<void> {
  const dueAt = Date.now() + 3_600_000;
  let waiting = 0;
  for (const [tenant, messages] of Object.entries(tenants)) {
    for (let nth = 1; nth <= messages; nth += 1) {
      const key = `${tenant}-${nth}`;
      await schedule(temporal.client, { topic, tenant, key, cycle: 1, dueAt, payload: { note: tenant } });
      waiting += 1;
    }
  }
  await eventually(async () => expect(await countWaiting(temporal.client, { topic: topic.name })).toBe(waiting));
}

/** A dry run of setting a lane on the routing as it is. */
async function wouldCatch(
  topic: Topic,
  lane: string,
  rules: LaneMatch[] | undefined,
  { limits, ...more }: { limits?: ScanLimits } & Partial<SetRequest> = {},
): Promise<DryRun> {
  const before = await readRoutingTable(database.pool, topic.name);
  const request: SetRequest = { topic: topic.name, lane, ...by, ...more, what: 'set', rules };
  const { after } = planChange(request, before, '');
  const deps = { client: temporal.client, pool: database.pool };
  return dryRun(deps, topic, lane, { before, after }, { limits });
}
const set = (topic: Topic, lane: string, rules: LaneMatch[], more: { mode?: 'live' | 'shadow' | 'stopped' } = {}) =>
  changeLane(database.pool, { topic: topic.name, lane, what: 'set', ...by }, { rules, ...more });

it('it says how many that wait a rule would catch, and whose, the most first; what a rule before takes is not its', async () => {
  const topic = topicOf('test.dry');
  await wait(topic, { acme: 3, globex: 2, initech: 1 });
  expect(await wouldCatch(topic, 'canary', [{ tenants: ['globex', 'acme'] }])).toEqual({
    waiting: 6,
    lookedAt: 6,
    caught: 5,
    leaveStable: 5,
    tenants: [
      { tenant: 'acme', waiting: 3 },
      { tenant: 'globex', waiting: 2 },
    ],
    tenantsCaught: 2,
  });
  expect(await wouldCatch(topic, 'canary', [{ tenants: ['nobody'] }])).toMatchObject({
    lookedAt: 6,
    caught: 0,
    tenants: [],
  });
  expect(await wouldCatch(topic, 'canary', [{ percent: 100, by: 'key' }])).toMatchObject({
    caught: 6,
    tenantsCaught: 3,
  });

  await set(topic, 'v2', [{ tenants: ['acme'] }]);
  expect(await wouldCatch(topic, 'canary', [{ tenants: ['acme', 'globex'] }])).toMatchObject({
    caught: 2,
    leaveStable: 2,
  });
  const first = await wouldCatch(topic, 'canary', [{ tenants: ['acme', 'globex'] }], { first: true });
  // Three of them are another lane's now.
  expect(first).toMatchObject({ caught: 5, leaveStable: 2 });
  // A lane that is stopped takes nothing from those after it, a shadow lane nothing from anybody.
  await set(topic, 'v2', [{ tenants: ['acme'] }], { mode: 'stopped' });
  expect(await wouldCatch(topic, 'canary', [{ tenants: ['acme'] }])).toMatchObject({ caught: 3 });
  expect(await wouldCatch(topic, 'v2', undefined)).toMatchObject({ caught: 3, leaveStable: 0 });
  await set(topic, 'v2', [{ tenants: ['acme'] }], { mode: 'live' });
  expect(await wouldCatch(topic, 'copy', [{ tenants: ['acme'] }], { mode: 'shadow' })).toMatchObject({
    caught: 3,
    leaveStable: 0,
  });
  // What stable keeps is out of the others' reach, and would leave it without the rule.
  await changeLane(
    database.pool,
    { topic: topic.name, lane: 'stable', what: 'set', ...by },
    { rules: [{ tenants: ['acme'] }], first: true },
  );
  expect(await wouldCatch(topic, 'v2', [{ tenants: ['acme'] }])).toMatchObject({ caught: 0 });
  expect(await wouldCatch(topic, 'stable', [])).toMatchObject({ caught: 0, leaveStable: 3 });
});

it('attributes are read from each payload that waits in Temporal, or from the business rows where there are some', async () => {
  const topic = topicOf('test.attributes');
  await wait(topic, { acme: 2, globex: 1 });
  const rule: LaneMatch = { attribute: 'note', oneOf: ['globex'] };
  expect(await wouldCatch(topic, 'canary', [rule])).toMatchObject({
    waiting: 3,
    caught: 1,
    tenants: [{ tenant: 'globex', waiting: 1 }],
  });
  expect(await wouldCatch(topic, 'canary', [{ attribute: 'note.deeper', oneOf: ['globex'] }])).toMatchObject({
    caught: 0,
  });
  // What no workflow can use is in nobody's way.
  await temporal.client.workflow.start('scheduledMessage', {
    workflowId: 'postdate:test.attributes:acme:garbage',
    taskQueue: 'postdate',
    args: [],
    typedSearchAttributes: searchAttributesOf({ topic: topic.name, tenant: 'acme', key: 'garbage', dueAt: Date.now() }),
  });
  await eventually(async () => expect(await countWaiting(temporal.client, { topic: topic.name })).toBe(4));
  expect(await wouldCatch(topic, 'canary', [rule, { tenants: ['acme'] }])).toMatchObject({ waiting: 4, caught: 4 });
  // The rows say something else here, to see that they are asked; a decided one waits no more.
  const rows = topicOf(
    topic.name,
    `select 'acme' as tenant, 'row-' || nth as key, 1 as cycle, now() as due_at, jsonb_build_object('note', 'globex') as payload,
            true as waits, null::text as told from generate_series(1, 1200) as nth`,
  );
  await database.pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late) values ($1, 'acme', 'row-7', 1, 'delivered', now(), false)`,
    [topic.name],
  );
  expect(await wouldCatch(rows, 'canary', [rule])).toMatchObject({ waiting: 1_199, lookedAt: 1_199, caught: 1_199 });
});

it('what is too much to be looked at is counted, and said', async () => {
  const topic = topicOf('test.bounded');
  await wait(topic, { acme: 4, globex: 3, initech: 1 });
  const limits = { messages: 2, payloads: 1, tenants: 2 };
  // By tenant all can be told, as far as there are not too many of them.
  const all = await wouldCatch(topic, 'canary', [{ tenants: ['acme', 'globex', 'initech'] }], {
    limits: { ...limits, tenants: 10 },
  });
  expect(all).toMatchObject({ waiting: 8, lookedAt: 8, caught: 8, tenantsCaught: 3 });
  const tenants = await wouldCatch(topic, 'canary', [{ percent: 100, by: 'tenant' }], { limits });
  expect(tenants).toMatchObject({ waiting: 8, tenantsCaught: 2 });
  expect(tenants.lookedAt).toBeLessThan(8);
  expect(tenants.caught).toBe(tenants.lookedAt);
  expect(await wouldCatch(topic, 'canary', [{ percent: 100, by: 'key' }], { limits })).toMatchObject({
    waiting: 8,
    lookedAt: 2,
    caught: 2,
  });
  const payloads = await wouldCatch(topic, 'canary', [{ attribute: 'note', oneOf: ['acme'] }], { limits });
  expect(payloads).toMatchObject({ waiting: 8, lookedAt: 1 });
});

it('at most twenty tenants are named, and how many there are', async () => {
  const topic = topicOf('test.many');
  await wait(topic, Object.fromEntries(Array.from({ length: 23 }, () => [nanoid().replace(/^-+/, 'k'), 1])));
  const { tenants, ...found } = await wouldCatch(topic, 'canary', [{ percent: 100, by: 'tenant' }]);
  expect(found).toMatchObject({ caught: 23, tenantsCaught: 23 });
  expect(tenants).toHaveLength(20);
});
