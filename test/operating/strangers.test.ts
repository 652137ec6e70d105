import { nanoid } from 'nanoid';
import { list, schedule } from '../../src/client';
import { findFailingRuns } from '../../src/operating/failing-tasks';
import { readOverview } from '../../src/operating/overview';
import { listPage } from '../../src/producing/list';
import { createWaiting } from '../../src/producing/waiting-runs';
import type { Topic } from '../../src/topics/topic';
import { inHere } from '../support/cli';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { useHttp } from '../support/http';
import { jsonPayload, startForeign, unreadablePayload } from '../support/strangers';
import { useTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
// Its rows are all messages that the test posts, so that nothing is without a row.
const rows = `select tenant, key, 1 as cycle, to_timestamp(0) as due_at, '{}'::jsonb as payload, true as waits,
                     null::text as told from (values ('acme', 'nothing')) as none (tenant, key) where false`;
const topic: Topic = { ...effectTopic(), businessRows: rows };
const parts = { topics: [topic], consumers: [], schemas: [] };
const http = useHttp(temporal, database, parts);
const HOUR_MS = 3_600_000;

const env = { ...process.env };
beforeAll(() => {
  Object.assign(process.env, temporal.envFor(database));
});
afterAll(() => {
  process.env = env;
});

const postdate = async (...args: string[]) => {
  const { code, printed, errors } = await inHere(args, parts);
  expect(errors).toBe('');
  return { code, printed };
};
// biome-ignore lint/suspicious/noExplicitAny: whatever JSON it printed
const postdateJson = async (...args: string[]): Promise<any> => JSON.parse((await postdate(...args, '--json')).printed);

// What a client of any language may have started, none of which any worker runs here. `named`: it still names its message.
const STRANGERS: Record<string, { odd: Parameters<typeof startForeign>[2]; named: boolean }> = {
  memo: { odd: { memo: { cycle: unreadablePayload, commandId: unreadablePayload } }, named: true },
  kinds: { odd: { memo: { cycle: jsonPayload('x'), commandId: jsonPayload([1]) } }, named: true },
  date: { odd: { attributes: { PostdateDueAt: jsonPayload('2026-12-01T00:00:00+24:00', 'Datetime') } }, named: true },
  other: { odd: { attributes: { PostdateTenant: jsonPayload('acme', 'Keyword') }, workflowId: '' }, named: false },
  foreign: { odd: { workflowId: 'order\u001b[31m-7' }, named: false },
};
const good = effectMessage(-HOUR_MS, { key: 'good' });

beforeAll(async () => {
  for (const [key, { odd }] of Object.entries(STRANGERS)) {
    const workflowId = odd?.workflowId === '' ? 'postdate:test.effect:globex:other' : odd?.workflowId;
    await startForeign(temporal, effectMessage(-HOUR_MS, { key }), { taskQueue: 'nobody', ...odd, workflowId });
  }
  const summary = effectMessage(-HOUR_MS, { key: 'summary' });
  await startForeign(temporal, summary, { taskQueue: 'nobody', summary: unreadablePayload });
  await startForeign(temporal, good, { taskQueue: 'nobody' });
  await eventually(async () => {
    const { count } = await temporal.client.workflow.count(`ExecutionStatus = 'Running'`);
    expect(count).toBe(Object.keys(STRANGERS).length + 2);
  });
});
const NAMED = ['date', 'good', 'kinds', 'memo', 'summary'];
const UNREADABLE = ['memo', 'kinds', 'date'];
const keysOf = (all: { key?: string }[]) => all.map(({ key }) => key).sort();

it('a list has all that can be named, tells of what cannot be read, and of no other tenant', async () => {
  const unreadable: string[] = [];
  const found = [];
  const onUnreadable = ({ workflowId }: { workflowId: string }) => unreadable.push(workflowId);
  for await (const one of list(temporal.client, { tenant: 'acme' }, { onUnreadable })) found.push(one);
  expect(keysOf(found)).toEqual(NAMED);
  expect(found.every(({ tenant }) => tenant === 'acme')).toBe(true);
  expect(keysOf(found.filter((one) => one.unreadable))).toEqual([...UNREADABLE].sort());
  expect(unreadable.sort()).toEqual(
    [
      ...UNREADABLE.map((key) => `postdate:test.effect:acme:${key}`),
      'order\u001b[31m-7',
      'postdate:test.effect:globex:other',
    ].sort(),
  );
  // As the sweep asks.
  const { runs } = createWaiting(temporal.client);
  expect(keysOf(await runs({ topic: topic.name, dueTo: Date.now() }))).toEqual(
    expect.arrayContaining(['good', 'memo']),
  );
  expect((await listPage(temporal.client, { topic: topic.name }, { limit: 2 })).next).toBeDefined();
});

it('HTTP lists and describes them to their tenant, and to no other', async () => {
  const page = await http.ask('GET', '/v1/messages');
  expect(page.status).toBe(200);
  expect(keysOf(page.body.messages)).toEqual(NAMED);
  const path = '/v1/messages/test.effect/acme/';
  expect(await http.ask('GET', `${path}memo`)).toMatchObject({
    status: 200,
    body: { key: 'memo', state: 'waiting', unreadable: expect.stringContaining('binary/encrypted') },
  });
  const { status, body } = await http.ask('GET', `${path}good`);
  expect({ status, unreadable: body.unreadable, cycle: body.cycle }).toEqual({
    status: 200,
    unreadable: undefined,
    cycle: 1,
  });
  const theirs = await http.ask('GET', '/v1/messages', { key: http.keys.globex });
  expect(theirs).toMatchObject({ status: 200, body: { messages: [] } });
});

it('list, show, count, watch, reconcile and audit go on, and name what cannot be read', async () => {
  const listed = await postdate('list');
  expect(listed.code).toBe(0);
  expect(listed.printed).toContain('acme/good');
  expect(listed.printed).toMatch(
    /not all can be read of postdate:test\.effect:acme:memo: memo cycle cannot be decoded/,
  );
  expect(listed.printed).not.toContain('\u001b');
  const shown = await postdate('show', '--topic', topic.name, '--tenant', 'acme', '--key', 'memo');
  expect(shown.code).toBe(0);
  expect(shown.printed).toMatch(
    /^waiting, due .*\nnot all of it can be read: memo cycle cannot be decoded \(encoding binary/m,
  );
  expect(shown.printed).toContain('posted');
  expect((await postdateJson('count', '--by', 'tenant')).counts).toContainEqual({
    of: 'acme',
    waiting: expect.any(Number),
  });
  expect((await postdate('count', '--by', 'topic')).code).toBe(0);
  const overview = await readOverview({ client: temporal.client, pool: database.pool }, {});
  expect(overview.overdue).toBeGreaterThan(4);
  const [reconciled] = await postdateJson('reconcile', '--dry-run');
  // Without a row: what can be read. What cannot is reported, and left alone.
  expect(keysOf(reconciled.ended)).toEqual(['good', 'summary']);
  expect(reconciled.unreadable.length).toBe(5);
  expect((await postdateJson('audit')).sound).toBe(true);
});

it('stuck and doctor name them, and each check of the doctor stands for itself', async () => {
  const found = (await postdateJson('stuck')) as {
    key?: string;
    why?: string;
    workflowId?: string;
    unreadable?: string;
  }[];
  expect(found.filter(({ why }) => why === 'waitsForAWorkflowWorker').map(({ key }) => key)).toEqual(
    expect.arrayContaining(['good', 'memo', 'kinds', 'summary']),
  );
  expect(found.filter(({ unreadable }) => unreadable).map(({ workflowId }) => workflowId)).toContain(
    'order\u001b[31m-7',
  );
  const { findings } = await postdateJson('doctor');
  const finding = (name: string) => findings.find(({ check }: { check: string }) => check === name);
  expect(finding('readable messages')).toMatchObject({ status: 'warn', says: expect.stringContaining('acme:memo') });
  expect(findings.filter(({ says }: { says: string }) => says.startsWith('could not be checked'))).toEqual([]);
});

it('a message whose task no worker can complete is stuck before it is due, and the doctor says so', async () => {
  const key = nanoid();
  await temporal.withWorker(database, parts, async () => {
    // Of a release that does not exist yet: it waits for a worker that can read it.
    const later = effectMessage(HOUR_MS, { key, v: 2 as never });
    const { workflowId } = await startForeign(temporal, later);
    // The control: a message of ours, which sleeps.
    await schedule(temporal.client, {
      topic,
      cycle: 1,
      tenant: 'acme',
      key: `${key}-ours`,
      dueAt: Date.now() + HOUR_MS,
      payload: { note: 'n' } as never,
    });
    await eventually(async () => {
      const failing = await findFailingRuns(temporal.client, { startedBeforeMs: 0 });
      expect(failing).toEqual([
        expect.objectContaining({
          workflowId,
          detail: expect.stringMatching(/^attempt \d+ of its task: message version 2/),
        }),
      ]);
    });
  });
});
