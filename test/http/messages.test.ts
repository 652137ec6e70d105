import { nanoid } from 'nanoid';
import { rfc3339 } from '../../src/message/due-time';
import type { Installation } from '../../src/process/installation';
import { useDatabase } from '../support/database';
import { effectsSchema, effectTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { useHttp } from '../support/http';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase(effectsSchema);
const installation: Installation = { topics: [effectTopic()], consumers: [], schemas: [] };
const http = useHttp(temporal, database, installation);
// For what no worker answers, which is waited for.
const impatient = useHttp(temporal, database, installation, { POSTDATE_HTTP_DEADLINE_SECONDS: '3' });

const HOUR_MS = 3_600_000;
const inAnHour = () => rfc3339(Date.now() + HOUR_MS);
const post = (fields = {}) => ({
  topic: 'test.effect',
  tenant: 'acme',
  key: nanoid(),
  dueAt: inAnHour(),
  payload: { note: 'n' },
  ...fields,
});
const pathOf = ({ key }: { key: string }) => `/v1/messages/test.effect/acme/${key}`;
const posted = async (fields = {}) => {
  const message = post(fields);
  expect(await http.ask('POST', '/v1/messages', { body: message })).toMatchObject({ status: 201 });
  return message;
};
const problem = (status: number, code: string, more = {}) => ({
  status,
  body: { type: `urn:postdate:problem:${code}`, title: expect.any(String), status, code, ...more },
});

describe('without a worker', () => {
  it('a message is posted, and found where Location says', async () => {
    const message = post();
    const answer = await http.ask('POST', '/v1/messages', { body: message });
    expect(answer).toMatchObject({
      status: 201,
      body: { result: 'scheduled', workflowId: `postdate:test.effect:acme:${message.key}`, late: false },
    });
    expect(answer.headers.get('location')).toBe(pathOf(message));
    const { key, dueAt } = message;
    expect(await http.ask('GET', pathOf(message))).toMatchObject({
      status: 200,
      body: { topic: 'test.effect', tenant: 'acme', key, dueAt, state: 'waiting', cycle: 1 },
    });
  });

  it('null in an optional field is absent; in a field that must be there it is refused (the control)', async () => {
    const repeat = { every: 'P1D', cron: null, zone: null, until: null, maxCycles: null, missed: null };
    const absent = { cycle: null, staleAfterMs: null, dueBefore2000: null, onConflict: null, repeat };
    expect(await http.ask('POST', '/v1/messages', { body: { ...post(), ...absent } })).toMatchObject({ status: 201 });
    const noDueAt = await http.ask('POST', '/v1/messages', { body: { ...post(), dueAt: null } });
    expect(noDueAt).toMatchObject({ status: 400, body: { code: 'invalidDueAt' } });
  });

  it('a second one of its name is rejected, or kept as asked', async () => {
    const message = await posted();
    const again = (fields = {}) => http.ask('POST', '/v1/messages', { body: { ...message, ...fields } });
    const rejected = await again();
    expect(rejected).toMatchObject(problem(409, 'rejected'));
    expect(rejected.headers.get('content-type')).toContain('application/problem+json');
    expect(await again({ onConflict: 'keep' })).toMatchObject({ status: 200, body: { result: 'kept' } });
  });

  it('cancel, move and a post that moves are 202, and obeyed once a worker is back', async () => {
    const [first, second, third] = [await posted(), await posted(), await posted()];
    const dueAt = inAnHour();
    const answers = await Promise.all([
      impatient.ask('DELETE', `${pathOf(first)}?reason=changed%20my%20mind`),
      impatient.ask('PATCH', pathOf(second), { body: { dueAt } }),
      impatient.ask('POST', '/v1/messages', { body: { ...third, dueAt, onConflict: 'move' } }),
    ]);
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 202, body: { result: 'requested', commandId: expect.any(String) } });
    }
    await temporal.withWorker(database, installation, async () => {
      await eventually(async () =>
        expect((await http.ask('GET', pathOf(first))).body.ending).toMatchObject({ outcome: 'cancelled' }),
      );
      for (const moved of [second, third]) {
        await eventually(async () =>
          expect((await http.ask('GET', pathOf(moved))).body).toMatchObject({ dueAt, cycle: 2, state: 'waiting' }),
        );
      }
    });
    const reasons = 'select reason from postdate.delivery where key = $1';
    expect((await database.pool.query(reasons, [first.key])).rows).toEqual([{ reason: 'changed my mind' }]);
  });

  it('what is not there is 404', async () => {
    const path = pathOf(post());
    for (const [method, body] of [['GET'], ['DELETE'], ['PATCH', { dueAt: inAnHour() }]] as const) {
      expect(await http.ask(method, path, { body })).toMatchObject(problem(404, 'notFound'));
    }
    expect(await http.ask('GET', '/v2/messages')).toMatchObject(problem(404, 'notFound'));
  });

  it('the list comes page by page, each message once', async () => {
    const keys = Array.from({ length: 7 }, () => `list-${nanoid()}`);
    const dueAts = keys.map((_, index) => Date.now() + 100 * HOUR_MS + index);
    for (const [index, key] of keys.entries()) await posted({ key, dueAt: rfc3339(dueAts[index] as number) });
    const range = `topic=test.effect&dueFrom=${rfc3339(dueAts[0] as number)}&dueTo=${rfc3339((dueAts[6] as number) + 1)}`;
    const pages = async (): Promise<string[][]> => {
      const found: string[][] = [];
      for (let cursor = ''; ; ) {
        const { status, body } = await http.ask('GET', `/v1/messages?${range}&state=waiting&limit=3${cursor}`);
        expect(status).toBe(200);
        found.push(body.messages.map((message: { key: string }) => message.key));
        if (!body.nextCursor) return found;
        cursor = `&cursor=${body.nextCursor}`;
      }
    };
    const found = await eventually(async () => {
      const all = await pages();
      expect(all.flat()).toHaveLength(7);
      return all;
    });
    expect(found.flat().sort()).toEqual([...keys].sort());
    for (const page of found) expect(page.length).toBeLessThanOrEqual(3);
    expect((await http.ask('GET', `/v1/messages?${range}&state=ended`)).body).toEqual({ messages: [] });
    const { nextCursor } = (await http.ask('GET', `/v1/messages?${range}&limit=3`)).body;
    expect(await http.ask('GET', `/v1/messages?topic=other&limit=3&cursor=${nextCursor}`)).toMatchObject({
      status: 400,
    });
    // Nor can an operator take over a tenant's token.
    const operators = { key: http.keys.operator };
    expect(
      await http.ask('GET', `/v1/messages?${range}&tenant=acme&limit=3&cursor=${nextCursor}`, operators),
    ).toMatchObject(problem(400, 'invalidCursor'));
    for (const cursor of ['bm9uZQ', '____', 'x'.repeat(500), '', `${nextCursor}AAAA`]) {
      expect(await http.ask('GET', `/v1/messages?${range}&cursor=${cursor}`)).toMatchObject(
        problem(400, 'invalidCursor', { field: 'cursor' }),
      );
    }
  });
});

describe('with a worker', () => {
  it('a message is delivered, and everything comes too late then', async () => {
    await temporal.withWorker(database, installation, async () => {
      const message = post({ dueAt: rfc3339(Date.now() - 1_000) });
      expect(await http.ask('POST', '/v1/messages', { body: message })).toMatchObject({
        status: 201,
        body: { late: true },
      });
      await eventually(async () =>
        expect((await http.ask('GET', pathOf(message))).body).toMatchObject({
          state: 'ended',
          ending: { outcome: 'delivered', cycle: 1 },
        }),
      );
      const tooLate = problem(409, 'tooLate', { outcome: 'delivered', firedAt: expect.any(String) });
      expect(await http.ask('DELETE', pathOf(message))).toMatchObject(tooLate);
      expect(await http.ask('PATCH', pathOf(message), { body: { dueAt: inAnHour() } })).toMatchObject(tooLate);
      expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
    });
  });

  it('a message is moved and cancelled with a definite answer', async () => {
    await temporal.withWorker(database, installation, async () => {
      const message = await posted();
      const dueAt = inAnHour();
      const move = (body: object) => http.ask('PATCH', pathOf(message), { body });
      expect(await move({ dueAt })).toMatchObject({ status: 200, body: { result: 'moved', dueAt, cycle: 2 } });
      expect(await move({ dueAt, expectedCycle: 1 })).toMatchObject(problem(409, 'stale', { cycle: 2 }));
      const moving = { ...message, onConflict: 'move' };
      expect(await http.ask('POST', '/v1/messages', { body: moving })).toMatchObject({
        status: 200,
        body: { result: 'moved', cycle: 3 },
      });
      for (let time = 0; time < 2; time += 1) {
        expect(await http.ask('DELETE', pathOf(message))).toMatchObject({ status: 200, body: { result: 'cancelled' } });
      }
      expect(await traces(database.pool, message.key)).toMatchObject({ effects: 0, events: 0 });
    });
  });

  it('a series is posted as a series', async () => {
    await temporal.withWorker(database, installation, async () => {
      const message = await posted({
        dueAt: rfc3339(Date.now() - 1_000),
        repeat: { every: 'PT1S', maxCycles: 2, zone: 'Europe/Amsterdam' },
        staleAfterMs: HOUR_MS,
      });
      await eventually(async () =>
        expect((await http.ask('GET', pathOf(message))).body.ending).toMatchObject({ outcome: 'delivered', cycle: 2 }),
      );
    });
  });
});
