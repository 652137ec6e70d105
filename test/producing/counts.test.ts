import { schedule } from '../../src/client';
import { readOverview } from '../../src/operating/overview';
import { countByHour, countByTenant, countByTopic, countWaiting } from '../../src/producing/counts';
import { useDatabase } from '../support/database';
import { effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase();
const topic = effectTopic();
const other = { ...topic, name: 'test.other' };
const HOUR_MS = 3_600_000;
// The middle of an hour some hours ahead, so that no hour ends while the test runs.
const middle = (Math.floor(Date.now() / HOUR_MS) + 3) * HOUR_MS + HOUR_MS / 2;

const post = (tenant: string, key: string, dueAt: number, of = topic) =>
  schedule(temporal.client, { topic: of, tenant, key, dueAt, payload: { note: 'n' } });

beforeAll(async () => {
  await post('acme', 'a', middle);
  await post('acme', 'b', middle + HOUR_MS);
  await post('acme', 'c', middle, other);
  await post('globex', 'd', middle + 2 * HOUR_MS);
  await post('initech', 'e', middle - HOUR_MS);
  await eventually(async () => expect(await countWaiting(temporal.client, {})).toBe(5));
});

it('waiting messages are counted by hour, those before and after in one each', async () => {
  let asked = 0;
  const counting = { hours: 2, now: middle, onQuery: () => (asked += 1) };
  const hour = (ms: number) => new Date(ms).toISOString().slice(0, 13);
  expect(await countByHour(temporal.client, {}, counting)).toEqual([
    { of: 'before', waiting: 1 },
    { of: hour(middle), waiting: 2 },
    { of: hour(middle + HOUR_MS), waiting: 1 },
    { of: 'later', waiting: 1 },
  ]);
  expect(asked).toBe(4);
  const acme = await countByHour(temporal.client, { tenant: 'acme', topic: topic.name }, counting);
  expect(acme.map(({ waiting }) => waiting)).toEqual([0, 1, 1, 0]);
});

it('by topic, with what no installed topic has', async () => {
  expect(await countByTopic(temporal.client, {}, { topics: [topic.name] })).toEqual([
    { of: topic.name, waiting: 4 },
    { of: 'topics not installed here', waiting: 1 },
  ]);
});

it('by tenant, the most first, and of so many tenants at most', async () => {
  expect(await countByTenant(temporal.client, {}, { limit: 10 })).toEqual([
    { of: 'acme', waiting: 3 },
    { of: 'globex', waiting: 1 },
    { of: 'initech', waiting: 1 },
  ]);
  const [, rest, ...more] = await countByTenant(temporal.client, {}, { limit: 1 });
  expect(more).toEqual([]);
  expect(rest?.of).toBe('further tenants');
});

it('the next to be due come first in the overview, of what was asked for', async () => {
  const overview = await readOverview({ client: temporal.client, pool: database.pool }, {});
  expect(overview.next.map(({ key }) => key)).toEqual([
    'e',
    expect.stringMatching(/[ac]/),
    expect.anything(),
    'b',
    'd',
  ]);
  expect(overview).toMatchObject({ overdue: 0, held: [], landed: [], landedLastMinute: 0 });
  const acme = await readOverview(
    { client: temporal.client, pool: database.pool },
    { tenant: 'acme', topic: 'test.other' },
  );
  expect(acme.next).toMatchObject([{ key: 'c' }]);
});
