import { nanoid } from 'nanoid';
import { schedule } from '../../../src/client';
import { workflowIdOf } from '../../../src/message/contract';
import { readStory, type Story } from '../../../src/operating/story/story';
import { done } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectsSchema, effectTopic } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { useTemporal } from '../../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const broken = new Set<string>();
const topic = effectTopic((_tx, { key }) => {
  if (broken.has(key)) throw new Error('the account service is away');
  return done;
});
const refOf = (key: string) => ({ topic: topic.name, tenant: 'acme', key });
const story = (key: string) => readStory({ client: temporal.client, pool: database.pool }, refOf(key));
const post = (key: string, dueInMs: number) =>
  schedule(temporal.client, { topic, tenant: 'acme', key, dueAt: Date.now() + dueInMs, payload: { note: 'n' } });
const whats = (told: Story | undefined) => told?.happenings.map(({ what }) => what);

it('tells of a message that was terminated and posted again, and who did it', async () => {
  const key = nanoid();
  await post(key, 3_600_000);
  const handle = temporal.client.workflow.getHandle(workflowIdOf(refOf(key)));
  await handle.signal('move', 'what nobody can read');
  await handle.signal('cancel', { commandId: 'c-1', reason: 'by hand' });
  await handle.terminate('a clean table');
  await post(key, 7_200_000);
  // The first run is found by visibility alone.
  await eventually(async () => {
    const told = await story(key);
    expect(whats(told)).toEqual(['posted', 'move asked', 'cancel asked', 'terminated', 'posted']);
    expect(told).toMatchObject({ state: 'waiting', cycle: 2, runsLeftOut: 0 });
    expect(told?.happenings).toMatchObject([
      { source: 'temporal', cycle: 1, by: expect.stringContaining('@') },
      { by: expect.stringContaining('@'), detail: 'as a signal' },
      { commandId: 'c-1', detail: 'as a signal; by hand' },
      { detail: 'a clean table' },
      { cycle: 2 },
    ]);
  });
});

it('tells why a message that is overdue does not land', async () => {
  const key = nanoid();
  broken.add(key);
  await temporal.withWorker(database, { topics: [topic], consumers: [], schemas: [] }, async () => {
    await post(key, -1_000);
    await eventually(async () => {
      const told = await story(key);
      expect(told?.overdueByMs).toBeGreaterThan(0);
      expect(told?.happenings.map(({ detail }) => detail).join()).toMatch(
        /attempt \d+, the one before: the account service is away/,
      );
      // Between two attempts, where it is for most of the time.
      expect(whats(told)).toContain('to be tried again');
    });
  });
});

it('tells what only the database knows: decisions, a redrive, an event that is not relayed', async () => {
  const key = nanoid();
  const values = [topic.name, key];
  await database.pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, decided_at, late, reason) values
       ($1, 'acme', $2, 1, 'failed', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01.500Z', false, 'bad deploy'),
       ($1, 'acme', $2, 2, 'delivered', '2026-01-01T00:01:00Z', '2026-01-01T00:02:00Z', true, null)`,
    values,
  );
  await database.pool.query(
    `insert into postdate.redrive (topic, tenant, key, failed_cycle, cycle, redriven_by, reason, redriven_at)
     values ($1, 'acme', $2, 1, 2, 'Anna', 'it is fixed', '2026-01-01T00:01:00Z')`,
    values,
  );
  await database.pool.query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload) select
       $1 || ':acme:' || name || ':2:test.happened', $1, 'acme/' || name, 'test.happened',
       '{"time":"2026-01-01T00:02:00.000Z","cycle":2}'
       from unnest(array[$2, $2 || 'x']) as name`,
    values,
  );
  expect(await story(key)).toEqual({
    ...refOf(key),
    state: 'forgotten',
    happenings: [
      {
        at: '2026-01-01T00:00:01.500Z',
        source: 'ledger',
        what: 'failed',
        cycle: 1,
        lateByMs: 1_500,
        detail: 'bad deploy',
      },
      {
        at: '2026-01-01T00:01:00.000Z',
        source: 'redrive',
        what: 'redriven',
        cycle: 2,
        by: 'Anna',
        detail: 'it is fixed; cycle 1 had failed',
      },
      {
        at: '2026-01-01T00:02:00.000Z',
        source: 'ledger',
        what: 'delivered',
        cycle: 2,
        lateByMs: 60_000,
        detail: 'it was due when it was posted',
      },
      {
        at: '2026-01-01T00:02:00.000Z',
        source: 'stream',
        what: 'test.happened',
        cycle: 2,
        detail: 'an event, not relayed yet',
      },
    ],
    runsLeftOut: 0,
  });
  expect(await story(nanoid())).toBeUndefined();
});
