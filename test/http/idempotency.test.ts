import { nanoid } from 'nanoid';
import { cancel } from '../../src/client';
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

const inHours = (hours: number) => rfc3339(Date.now() + hours * 3_600_000);
const post = (fields = {}) => ({
  topic: 'test.effect',
  tenant: 'acme',
  key: nanoid(),
  dueAt: inHours(1),
  payload: { note: 'n', more: { b: 1, a: [2, 1] } },
  ...fields,
});
const pathOf = ({ key }: { key: string }) => `/v1/messages/test.effect/acme/${key}`;
const under = (idempotencyKey: string, body: object, key?: string) =>
  http.ask('POST', '/v1/messages', { body, key, headers: { 'Idempotency-Key': idempotencyKey } });
const recorded = async (idempotencyKey: string) =>
  (await database.pool.query('select answer from postdate.idempotency where idempotency_key = $1', [idempotencyKey]))
    .rows;

it('a repeat is answered as the first was; without the header it is another post (the control)', async () => {
  const [message, idempotencyKey] = [post(), nanoid()];
  const first = await under(idempotencyKey, message);
  expect(first).toMatchObject({ status: 201, body: { result: 'scheduled' } });
  // Written in another order it is the same body.
  const { payload, ...rest } = message;
  const reordered = { payload: { more: { a: [2, 1], b: 1 }, note: 'n' }, ...rest };
  for (let time = 0; time < 3; time += 1) {
    const again = await under(idempotencyKey, reordered);
    expect({ status: again.status, body: again.body }).toEqual({ status: 201, body: first.body });
    expect(again.headers.get('location')).toBe(pathOf(message));
  }
  expect(await http.ask('POST', '/v1/messages', { body: message })).toMatchObject({ body: { code: 'rejected' } });
});

it('a rejection is repeated, too, also when nothing stands in the way any more', async () => {
  const [message, idempotencyKey] = [post(), nanoid()];
  await under(nanoid(), message);
  expect(await under(idempotencyKey, message)).toMatchObject({ status: 409, body: { code: 'rejected' } });
  await temporal.withWorker(database, installation, async () => {
    const ref = { topic: 'test.effect', tenant: 'acme', key: message.key };
    expect(await cancel(temporal.client, ref)).toEqual({ result: 'cancelled' });
  });
  expect(await under(idempotencyKey, message)).toMatchObject({ status: 409, body: { code: 'rejected' } });
});

it('with another body, or for another operation, the key is refused, and nothing is changed', async () => {
  const [message, idempotencyKey] = [post(), nanoid()];
  await under(idempotencyKey, message);
  const reused = { status: 409, body: { code: 'idempotencyKeyReused', field: 'Idempotency-Key' } };
  const other = post();
  for (const body of [{ ...message, dueAt: inHours(2) }, { ...message, onConflict: 'move' }, other]) {
    expect(await under(idempotencyKey, body)).toMatchObject(reused);
  }
  const headers = { 'Idempotency-Key': idempotencyKey };
  expect(await http.ask('DELETE', pathOf(message), { headers })).toMatchObject(reused);
  expect(await http.ask('PATCH', pathOf(message), { headers, body: { dueAt: inHours(2) } })).toMatchObject(reused);
  expect((await http.ask('GET', pathOf(message))).body).toMatchObject({ state: 'waiting', dueAt: message.dueAt });
  expect(await http.ask('GET', pathOf(other))).toMatchObject({ status: 404 });
});

it('ten at once are one post, each answered as scheduled', async () => {
  const [message, idempotencyKey] = [post(), nanoid()];
  const answers = await Promise.all(Array.from({ length: 10 }, () => under(idempotencyKey, message)));
  for (const answer of answers) expect(answer).toMatchObject({ status: 201, body: { result: 'scheduled' } });
});

it('two at once with different bodies: one is posted, the other refused', async () => {
  const idempotencyKey = nanoid();
  const messages = [post(), post()];
  const answers = await Promise.all(messages.map((message) => under(idempotencyKey, message)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  const found = await Promise.all(messages.map((message) => http.ask('GET', pathOf(message))));
  expect(found.map(({ status }) => status)).toEqual(answers.map(({ status }) => (status === 201 ? 200 : 404)));
});

it("another tenant's key of the same text is another key", async () => {
  const idempotencyKey = nanoid();
  expect(await under(idempotencyKey, post())).toMatchObject({ status: 201 });
  expect(await under(idempotencyKey, post({ tenant: 'globex' }), http.keys.globex)).toMatchObject({ status: 201 });
});

it('what was refused for its input leaves the key free for the corrected request', async () => {
  const idempotencyKey = nanoid();
  expect(await under(idempotencyKey, post({ payload: {} }))).toMatchObject({ status: 400 });
  expect(await recorded(idempotencyKey)).toEqual([]);
  expect(await under(idempotencyKey, post())).toMatchObject({ status: 201 });
});

it('a command that found nothing leaves the key free', async () => {
  const [message, headers] = [post(), { 'Idempotency-Key': nanoid() }];
  expect(await http.ask('DELETE', pathOf(message), { headers })).toMatchObject({ status: 404 });
  expect(await recorded(headers['Idempotency-Key'])).toEqual([]);
});

it('a message that has fired is not posted anew by a repeat, even after another post of its name', async () => {
  await temporal.withWorker(database, installation, async () => {
    const [message, idempotencyKey] = [post({ dueAt: inHours(-1) }), nanoid()];
    const ended = (cycle: number) =>
      eventually(async () =>
        expect((await http.ask('GET', pathOf(message))).body.ending).toMatchObject({ outcome: 'delivered', cycle }),
      );
    expect(await under(idempotencyKey, message)).toMatchObject({ status: 201 });
    await ended(1);
    expect(await under(nanoid(), message)).toMatchObject({ status: 201 });
    await ended(2);
    expect(await under(idempotencyKey, message)).toMatchObject({ status: 201 });
    expect(await under(nanoid(), message)).toMatchObject({ status: 201 });
    await ended(3);
    expect(await traces(database.pool, message.key)).toMatchObject({ effects: 3 });
  });
});

it('what was only requested is asked again by a repeat, as the same command', async () => {
  const message = post();
  await under(nanoid(), message);
  const headers = { 'Idempotency-Key': nanoid() };
  const move = (api = http) => api.ask('PATCH', pathOf(message), { body: { dueAt: inHoursFixed }, headers });
  const inHoursFixed = inHours(3);
  expect(await move(impatient)).toMatchObject({ status: 202, body: { result: 'requested' } });
  await temporal.withWorker(database, installation, async () => {
    const moved = { status: 200, body: { result: 'moved', dueAt: inHoursFixed, cycle: 2 } };
    expect(await move()).toMatchObject(moved);
    expect(await move()).toMatchObject(moved);
  });
});
