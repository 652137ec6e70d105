import { nanoid } from 'nanoid';
import { rfc3339 } from '../../src/message/due-time';
import type { Installation } from '../../src/process/installation';
import { useDatabase } from '../support/database';
import { effectsSchema, effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { useHttp } from '../support/http';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase(effectsSchema);
const installation: Installation = { topics: [effectTopic()], consumers: [], schemas: [] };
const http = useHttp(temporal, database, installation);

const dueAt = rfc3339(Date.now() + 3_600_000);
const post = (fields = {}) => ({
  topic: 'test.effect',
  tenant: 'acme',
  key: nanoid(),
  dueAt,
  payload: { note: 'n' },
  ...fields,
});
const batch = (messages: unknown[], headers = {}) =>
  http.ask('POST', '/v1/messages:batch', { body: { messages }, headers });

it('of 1,000 with bad ones among them each gets its own answer, in order, and the good ones are there', async () => {
  const waiting = post();
  await http.ask('POST', '/v1/messages', { body: waiting });
  const bad = new Map<number, [unknown, number, string]>([
    [0, [post({ key: 'a b' }), 400, 'invalidKey']],
    [17, [7, 400, 'invalidBody']],
    [100, [post({ payload: { note: 1 } }), 400, 'invalidPayload']],
    [500, [waiting, 409, 'rejected']],
    [501, [post({ tenant: 'globex' }), 404, 'notFound']],
    [999, [post({ dueAt: '2099-01-01T00:00:00Z' }), 400, 'dueAtTooFar']],
  ]);
  const tenantKey = `batch-${nanoid(6)}`;
  const messages = Array.from(
    { length: 1_000 },
    (_, index) => bad.get(index)?.[0] ?? post({ key: `${tenantKey}-${index}` }),
  );
  const { status, body } = await batch(messages);
  expect({ status, errors: http.errors }).toEqual({ status: 200, errors: [] });
  expect(body.answers).toHaveLength(1_000);
  for (const [index, answer] of body.answers.entries()) {
    const [, badStatus, code] = bad.get(index) ?? [];
    if (code) expect(answer).toMatchObject({ status: badStatus, body: { code, status: badStatus } });
    else
      expect(answer).toMatchObject({
        status: 201,
        body: { workflowId: `postdate:test.effect:acme:${tenantKey}-${index}` },
      });
  }
  await eventually(async () => {
    const { count } = await temporal.client.workflow.count(`PostdateTopic = 'test.effect' and PostdateTenant = 'acme'`);
    expect(count).toBe(1_000 - bad.size + 1);
  });
});

it('repeated with its Idempotency-Key, each is answered as before; a changed one is refused, a new one posted', async () => {
  const headers = { 'Idempotency-Key': nanoid() };
  const messages = [post(), post(), post()];
  const first = (await batch(messages, headers)).body.answers;
  expect(first.map(({ status }: { status: number }) => status)).toEqual([201, 201, 201]);
  expect((await batch(messages, headers)).body.answers).toEqual(first);
  const changed = [messages[0], post(), messages[2], post()];
  expect((await batch(changed, headers)).body.answers).toMatchObject([
    { status: 201 },
    { status: 409, body: { code: 'idempotencyKeyReused' } },
    { status: 201 },
    { status: 201 },
  ]);
});

it('a message twice in one batch is posted once', async () => {
  const message = post();
  const { body } = await batch([message, message]);
  expect(body.answers.map(({ status }: { status: number }) => status).sort()).toEqual([201, 409]);
});

it('a batch may be larger than a single post, up to 4 MB', async () => {
  const note = 'x'.repeat(15_000);
  expect(await batch(Array.from({ length: 20 }, () => post({ payload: { note } })))).toMatchObject({ status: 200 });
  const tooLarge = await batch(Array.from({ length: 300 }, () => post({ payload: { note } })));
  expect(tooLarge).toMatchObject({ status: 413, body: { code: 'bodyTooLarge' } });
});
